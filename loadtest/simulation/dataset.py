"""The log of a world as a data set that `recstack train` takes."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.log import LENGTH, Entries, entries, seconds_of
from loadtest.simulation.truth import DEVICES
from loadtest.simulation.world import World, item_id_of, user_id_of
from models.data import DataError
from models.data.dataset import Dataset, Description, Tables, check_target, save
from models.data.exposures import EXPOSURES
from models.data.interactions import REJECTED_SCHEMA
from services.domain.arrays import I64, Bools
from services.domain.events import EventType

NAME = "simulated"

LICENCE = "none: SIMULATED, made up by a program; nobody did any of this"

AFTER = {EventType.CLICK: 1, EventType.PURCHASE: 30, EventType.DISMISS: 2}  # seconds after the look

Progress = Callable[[float], None]


def write(config: WorldConfig, to: Path, name: str, *, force: bool, progress: Progress) -> Dataset:
    """Writes the data set `to`/<name>: whole, or not at all.

    Beside the three tables, of which interactions are clicks, purchases and dismissals, it has
    EXPOSURES, every place of every list that was shown, and the config of the world.

    Raises:
        DataError: a name that does not say it is simulated, or a folder that may not be written.
    """
    if not name.startswith(NAME):
        raise DataError(f"{name!r} does not say what it is: a simulated data set is {NAME}…")
    folder = check_target(to, name, force=force)
    to.mkdir(parents=True, exist_ok=True)
    world = World(config)
    with TemporaryDirectory(dir=to, prefix=f".{name}-") as temporary:
        impressions = Path(temporary) / EXPOSURES
        interactions = _log(world, impressions, progress)
        tables = Tables(interactions, _users(world), _items(world))
        about = Description(name, _source(config), LICENCE, has_clock=True)
        made = save(Path(temporary), about, tables, pl.DataFrame(schema=REJECTED_SCHEMA))
        impressions.rename(made.folder / EXPOSURES)
        config.write(made.folder)
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        made.folder.rename(folder)
    return Dataset.open(folder)


def _source(config: WorldConfig) -> str:
    return (
        f"SIMULATED by recstack simulate log: {config.users} users, {config.items} items, "
        f"seed {config.seed}, {config.days:g} days, {config.visits:g} lists of {LENGTH} a user"
    )


def _log(world: World, path: Path, progress: Progress) -> pl.DataFrame:
    """Writes the impressions; returns what was done."""
    users = [user_id_of(person) for person in range(world.tastes.count)]
    items = [item_id_of(row) for row in range(world.items.count)]
    parts, writer = [], None
    for some in entries(world):
        table = _impressions(world, some, users, items)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
        parts.append(_interactions(world, some, users, items))
        progress((int(some.people[-1]) + 1) / len(users))
    if writer:
        writer.close()
    return pl.concat(parts)


def _impressions(world: World, some: Entries, users: list[str], items: list[str]) -> pa.Table:
    return pa.table(
        {
            "list": pa.array(some.lists.astype(np.uint32)),
            "user_id": _named(some.people, users),
            "item_id": _named(some.rows, items),
            "place": pa.array(some.places),
            "device": _named(world.tastes.device[some.people], list(DEVICES)),
            "time": pa.array(seconds_of(world, some)),
            "propensity": pa.array(some.propensities),
            "clicked": pa.array(some.clicked),
            "purchased": pa.array(some.bought),
            "dismissed": pa.array(some.dismissed),
        }
    )


def _named(rows: I64, names: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(rows.astype(np.int32)), names)


def _interactions(world: World, some: Entries, users: list[str], items: list[str]) -> pl.DataFrame:
    """Clicks, purchases and dismissals, ordered by user and time."""
    times = seconds_of(world, some)
    kinds: tuple[tuple[EventType, Bools], ...] = (
        (EventType.CLICK, some.clicked),
        (EventType.PURCHASE, some.bought),
        (EventType.DISMISS, some.dismissed),
    )
    at = np.concatenate([np.flatnonzero(done) for _, done in kinds])
    events = np.repeat([int(kind) for kind, _ in kinds], [done.sum() for _, done in kinds])
    when = times[at] + np.repeat([AFTER[kind] for kind, _ in kinds], [d.sum() for _, d in kinds])
    by_time = np.lexsort((at, when, some.people[at]))
    people = some.people[at][by_time]
    begins = np.searchsorted(people, people)
    return pl.DataFrame(
        {
            "user_id": np.array(users, object)[people],
            "item_id": np.array(items, object)[some.rows[at][by_time]],
            "event": events[by_time].astype(np.uint8),
            "value": np.zeros(len(at), np.float32),
            "time": when[by_time],
            "order": np.arange(len(at)) - begins,
            "device": np.array(DEVICES, object)[world.tastes.device[people]],
        },
        schema_overrides=dict.fromkeys(("user_id", "item_id", "device"), pl.String),
    )


def _users(world: World) -> pl.DataFrame:
    rows = [
        {"user_id": user_id_of(person), **world.profile(person)}
        for person in range(world.tastes.count)
    ]
    return pl.DataFrame(rows)


def _items(world: World) -> pl.DataFrame:
    items = [world.shown(row) for row in range(world.items.count)]
    return pl.DataFrame(
        {
            "item_id": [item.item_id for item in items],
            "title": [item.title for item in items],
            "categories": [[item.category] for item in items],
            "tags": [list(item.tags) for item in items],
            "text": [item.text for item in items],
            "price": [item.price for item in items],
            "maker": [item.maker for item in items],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )
