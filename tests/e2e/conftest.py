"""One stack a placement for the whole run, on MovieLens-100K."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import RunningStack, up


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A process a stage. Fetches the data and trains a release when the checkout has none."""
    with up(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def workers(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """The same stages in two workers, after the other has made sure that there is a release."""
    placement = ("--standalone", "--workers", "2")
    with up(tmp_path_factory.mktemp("workers"), *placement) as running:
        yield running


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A folder for a stack of the test's own."""
    return tmp_path / "var"
