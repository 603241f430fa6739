"""A small data set with something to learn, for tests and trials."""

from pathlib import Path

import numpy as np
import polars as pl

from models.data.dataset import Dataset, Description, Tables, save
from models.data.interactions import REJECTED_SCHEMA
from services.domain.arrays import I64
from services.domain.events import EventType

GROUPS = ("comedy", "drama", "thriller", "western", "children", "music")
START = 894_000_000  # spring of 1998, unix seconds: histories are old
LIKED = 4.0


def make_dataset(folder: Path, users: int, items: int, seed: int) -> Dataset:
    """Writes a data set to `folder` in the internal format; the same arguments, the same data.

    Items lie on a ring, cut into groups. A user starts in the group of the user's `taste` and goes
    on to a nearby item, or now and then to a popular one; likes are items of the taste.
    Every user has 8 to 40 events.
    """
    generator = np.random.default_rng(seed)
    tastes = generator.integers(len(GROUPS), size=users)
    tables = Tables(
        _interactions(tastes, items, generator),
        pl.DataFrame(
            {
                "user_id": [f"u{u:04}" for u in range(users)],
                "age": [str(age) for age in generator.integers(18, 70, users)],
                "taste": [GROUPS[t] for t in tastes],
            }
        ),
        _items(items, generator),
    )
    about = Description(folder.name, f"synthetic, seed {seed}", "none: made up", has_clock=True)
    return save(folder.parent, about, tables, pl.DataFrame(schema=REJECTED_SCHEMA), force=True)


def _interactions(tastes: I64, items: int, generator: np.random.Generator) -> pl.DataFrame:
    rows = [
        (u, position, item)
        for u, taste in enumerate(tastes)
        for position, item in enumerate(_walk(int(taste), items, generator))
    ]
    rating = [5.0 if _group(item, items) == tastes[u] else 3.0 for u, _, item in rows]
    return pl.DataFrame(
        {
            "user_id": [f"u{u:04}" for u, _, _ in rows],
            "item_id": [f"i{item:04}" for _, _, item in rows],
            "event": [int(EventType.LIKE if r >= LIKED else EventType.CLICK) for r in rating],
            "value": rating,
            "time": [START + 86_400 * (u % 30) + 90 * position for u, position, _ in rows],
            "order": [position for _, position, _ in rows],
        },
        schema_overrides={"event": pl.UInt8, "value": pl.Float32},
    ).sort("user_id", "order")


def _items(items: int, generator: np.random.Generator) -> pl.DataFrame:
    groups = [GROUPS[_group(item, items)] for item in range(items)]
    return pl.DataFrame(
        {
            "item_id": [f"i{item:04}" for item in range(items)],
            "title": [f"Item {item}" for item in range(items)],
            "categories": [[group, "even"][: 1 + (i % 2 == 0)] for i, group in enumerate(groups)],
            "year": [str(year) for year in generator.integers(1960, 1999, items)],
        }
    )


def _group(item: int, items: int) -> int:
    return item * len(GROUPS) // items


def _walk(taste: int, items: int, generator: np.random.Generator) -> list[int]:
    """Distinct items in the order a user takes them."""
    width = items // len(GROUPS)
    at = taste * width + int(generator.integers(width))
    taken = [at]
    for _ in range(int(generator.integers(7, 40))):
        popular = generator.random() < 0.15
        step = int(generator.integers(1, 4))
        at = int(generator.zipf(1.5)) % items if popular else (at + step) % items
        if at not in taken:
            taken.append(at)
    if len(taken) < 8:
        taken += [i for i in range(items) if i not in taken][: 8 - len(taken)]
    return taken
