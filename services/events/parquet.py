"""Parquet files of log entries: written whole, or not there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.journal.kind import ENTRY_COLUMNS, Kind

SUFFIX = ".parquet"
UNFINISHED = ".unfinished"

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def folder_of(log: Path, kind: str, partition: int) -> Path:
    """Where the files of a stream are: <log>/<kind>/p<partition>."""
    return log / kind / f"p{partition}"


def schema_of(columns: Mapping[str, str]) -> pa.Schema:
    """The columns of a kind, after those that every kind has."""
    return pa.schema([(name, _type(text)) for name, text in {**ENTRY_COLUMNS, **columns}.items()])


def _type(text: str) -> pa.DataType:
    if text.startswith("list<"):
        return pa.list_(_type(text[5:-1]))
    if text.startswith("map<"):
        key, _, value = text[4:-1].partition(",")
        return pa.map_(_type(key.strip()), _type(value.strip()))
    return pa.type_for_alias(text)


def table_of(kind: Kind[Any], partition: int, entries: Sequence[Entry[Any]]) -> pa.Table:
    """One row an entry."""
    columns = {
        "partition": [partition] * len(entries),
        "received_ms": [entry.id.ms for entry in entries],
        "sequence": [entry.id.sequence for entry in entries],
        **kind.rows([entry.value for entry in entries]),
    }
    schema = schema_of(kind.columns)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def write_unfinished(path: Path, table: pa.Table) -> None:
    """Writes the table beside `path`, and waits until the disk has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path).open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())


def finish(path: Path) -> None:
    """Gives a written file its name, and waits until the disk has that; a second time changes
    nothing."""
    _unfinished(path).rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def discard_unfinished(folder: Path) -> None:
    """Takes away what a process that died left half-written."""
    for path in folder.glob(f"*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def path_of(folder: Path, first: EntryId, last: EntryId) -> Path:
    """The file of a range of entries."""
    return folder / f"{first}_{last}{SUFFIX}"


def last_of(path: Path) -> EntryId:
    """The last entry of a file, by its name; ValueError for another file."""
    return EntryId.parse(path.name.removesuffix(SUFFIX).partition("_")[2])


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)
