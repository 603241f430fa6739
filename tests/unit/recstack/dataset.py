"""A data set small enough to write by hand."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from models.data.dataset import Description, Tables, save
from models.data.interactions import REJECTED_SCHEMA


def write(to: Path, name: str, events: Sequence[tuple[str, str]]) -> Path:
    """A data set of (user, item) events in time order, sorted by user; gives its folder."""
    count = len(events)
    orders = [sum(u == user for u, _ in events[:n]) for n, (user, _) in enumerate(events)]
    interactions = pl.DataFrame(
        {
            "user_id": [user for user, _ in events],
            "item_id": [item for _, item in events],
            "event": pl.Series([2] * count, dtype=pl.UInt8),
            "value": pl.Series([1.0] * count, dtype=pl.Float32),
            "time": [1000 + order for order in orders],
            "order": orders,
        }
    )
    users = sorted({user for user, _ in events})
    items = sorted({item for _, item in events})
    tables = Tables(
        interactions,
        pl.DataFrame({"user_id": users, "gender": ["F", *[""] * (len(users) - 1)]}),
        pl.DataFrame({"item_id": items, "title": items, "categories": [["x"]] * len(items)}),
    )
    about = Description(name, "a test", "", has_clock=True)
    return save(to, about, tables, pl.DataFrame(schema=REJECTED_SCHEMA)).folder
