"""Parquet files of log entries: written whole, or not there."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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


def read(paths: Iterable[Path]) -> pa.Table:
    """The rows of files, one after the other; a column that an older one lacks is null there."""
    return pa.concat_tables(map(pq.read_table, paths), promote_options="default")


def write_unfinished(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Writes tables of one schema to `path`, one after another, and waits until the disk has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
        file.flush()
        os.fsync(file.fileno())


def finish(unfinished: Path, path: Path) -> None:
    """Gives a written file its name, and waits until the disk has that.

    Raises:
        FileNotFoundError: somebody else took it away: who has the lease now.
    """
    unfinished.rename(path)
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


def range_of(path: Path) -> tuple[EntryId, EntryId]:
    """The first and the last entry of a file, by its name; ValueError for another file."""
    first, _, last = path.name.removesuffix(SUFFIX).partition("_")
    return EntryId.parse(first), EntryId.parse(last)


def finished(folder: Path) -> Iterator[Path]:
    """The files of a stream, in no order; what else lies in the folder is not ours."""
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(ValueError):
            range_of(path)
            yield path


def unfinished(path: Path, owner: str) -> Path:
    """Where the file is written: no two owners, one of which may have lost its lease, at one."""
    return path.with_name(f"{path.name}.{owner}{UNFINISHED}")
