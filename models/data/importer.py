"""From cleaned interactions and tables of attributes to a data set on disk."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from models.data import DataError, attributes, source
from models.data.attributes import ItemTable, UserTable
from models.data.dataset import Dataset, Description, Tables, check_target, save
from models.data.interactions import NO_LOG, Cleaned, LogColumns, clean

NO_USERS = pl.DataFrame(schema={"user_id": pl.String})
NO_ITEMS = pl.DataFrame(
    schema={"item_id": pl.String, "title": pl.String, "categories": pl.List(pl.String)}
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a data set goes: `folder`/`name`, replacing one that is there when `force`."""

    folder: Path
    name: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log, and which of its columns holds what."""

    path: Path
    columns: LogColumns


@dataclass(frozen=True, slots=True)
class Imported:
    """A data set just made.

    Attributes:
        rejected: rows that were set apart: file, line, reason, fields (JSON).
        notes: what was assumed, for people.
    """

    dataset: Dataset
    rejected: pl.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a data set is put together from: `users` and `items` as `attributes` makes them."""

    log: Cleaned
    users: pl.DataFrame
    items: pl.DataFrame
    rejected: tuple[pl.DataFrame, ...] = ()


def import_logs(
    logged: LogFile | None,
    target: Target,
    tables: tuple[UserTable | None, ItemTable | None] = (None, None),
    watch: source.Watch = source.unwatched,
) -> Imported:
    """Imports a log, CSV, TSV or Parquet, and the tables beside it.

    Without a log, a table of items is enough: a system that begins. Its events will have times.

    Raises:
        DataError: says which file is wrong and how; nothing is written then.
    """
    check_target(target.folder, target.name, force=target.force)
    users, items = tables
    people, things, rejected = NO_USERS, NO_ITEMS, []
    if users:
        raw = source.read_table(users.path, [users.id], rest=True, watch=watch)
        people, bad = attributes.users(raw, users)
        rejected.append(bad)
    if items:
        raw = source.read_table(items.path, items.names(), rest=True, watch=watch)
        things, bad = attributes.items(raw, items)
        rejected.append(bad)
    log, clock, origin = NO_LOG, True, items.path.name if items else ""
    if logged:
        raw = source.read_table(logged.path, logged.columns.names(), watch=watch)
        log = clean(raw, logged.columns, logged.path.name)
        clock, origin = bool(logged.columns.time), logged.path.name
    about = Description(target.name, origin, "", clock)
    return store(Parts(log, people, things, tuple(rejected)), about, target)


def store(parts: Parts, about: Description, target: Target) -> Imported:
    """Completes the tables and writes the data set.

    Raises:
        DataError: of the rows of the log, or where there is none, of the items, none is left.
    """
    log = parts.log
    rejected = pl.concat([log.rejected, *parts.rejected])
    if log.rows.is_empty() and (log.rejected.height or parts.items.is_empty()):
        raise DataError(_none_left(rejected))
    ids = log.rows["item_id"]
    tables = Tables(
        log.rows,
        attributes.with_missing(parts.users, log.rows.select("user_id")),
        attributes.with_missing(parts.items, pl.DataFrame({"item_id": ids, "title": ids})),
    )
    about = replace(about, duplicates=log.duplicates)
    dataset = save(target.folder, about, tables, rejected, force=target.force)
    return Imported(dataset, rejected, log.notes)


def _none_left(rejected: pl.DataFrame) -> str:
    if rejected.is_empty():
        return "there are neither interactions nor items"
    file, line, reason, _ = rejected.row(0)
    return f"every row was rejected; the first is {file}, line {line}: {reason}"
