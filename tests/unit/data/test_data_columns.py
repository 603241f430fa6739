"""Mappings of columns that make no sense."""

from pathlib import Path
from typing import Any

import pytest

from models.data import DataError
from models.data.attributes import ItemTable
from models.data.interactions import LogColumns
from services.domain.events import EventType


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event": "e", "rating": "r"}, "not both"),
        ({"time": "t", "order": "o"}, "not both"),
        ({"event_map": {"x": EventType.LIKE}}, "needs an event column"),
        ({"like_at": float("nan")}, "must be a number"),
    ],
)
def test_columns_that_contradict(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        LogColumns("user", "item", **options)


def test_an_empty_separator_of_categories() -> None:
    with pytest.raises(DataError, match="separator of categories is empty"):
        ItemTable(Path("items.csv"), "item", separator="")
