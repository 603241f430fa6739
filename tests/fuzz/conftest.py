"""How long the fuzzing is: `pytest tests/fuzz --fuzz 20` does twenty times as much."""

import pytest

from tests.redis import own_redis
from tests.releases import release, release_copy

__all__ = ["own_redis", "release", "release_copy"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=1, help="times as many fuzzed requests")


@pytest.fixture
def times(request: pytest.FixtureRequest) -> int:
    """What the number of requests is multiplied with; beyond 1 other requests each run."""
    return int(request.config.getoption("--fuzz", default=1))
