"""What the tests of recall share."""

import pytest

from models.schema.catalog import Catalog
from tests.unit.recall.items import write_catalog


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A catalog of a few items."""
    return write_catalog(tmp_path_factory.mktemp("catalog"))
