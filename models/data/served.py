"""The log that a stack writes while it serves: events and served requests, in Parquet files.

    <folder>/<kind>/p<partition>/<first entry>_<last entry>.parquet

A row may be in two files when a writer was killed; partition, received_ms and sequence name it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from models.data import DataError
from services.journal.event import EVENTS
from services.journal.request import RequestEntry
from services.journal.request_columns import REQUESTS, from_row

Place: TypeAlias = tuple[int, int, int]
"""Milliseconds and sequence of an entry's id, and its partition: in this order, the log's order."""

_PLACE = ("received_ms", "sequence", "partition")
_BATCH_ROWS = 256  # a request is some 15 kB


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A served request, and when Redis took it into the log, unix milliseconds."""

    received_ms: int
    entry: RequestEntry


@dataclass(frozen=True, slots=True)
class ServedLog:
    """A log folder, read when asked for."""

    folder: Path

    def events(self) -> pl.DataFrame:
        """Accepted events in the order Redis took them, each once.

        Returns:
            user str (pseudonym, hexadecimal), item_id str ("" where only the key is known),
            key u64, type u8, time i64, value f32, request_id str, received_ms i64.

        Raises:
            DataError: a file is damaged.
        """
        files = self._files(EVENTS.name)
        if not files:
            return pl.DataFrame(schema=EVENT_COLUMNS)
        try:
            rows = pl.concat(pl.read_parquet(file, hive_partitioning=False) for file in files)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(self.folder, error) from None
        return (
            rows.unique(_PLACE, keep="first")
            .sort(_PLACE)
            .with_columns(pl.col("pseudonym").bin.encode("hex").alias("user"))
            .select(EVENT_COLUMNS.names())
            .cast(EVENT_COLUMNS)
        )

    def requests(self) -> Iterator[LoggedRequest]:
        """Served requests, each once, file by file: in order of time within a partition alone.

        Raises:
            DataError: a file is damaged.
        """
        known: set[Place] = set()
        for file in self._files(REQUESTS.name):
            try:
                for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
                    yield from _requests(batch, known)
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                raise _damaged(file, error) from None

    def _files(self, kind: str) -> list[Path]:
        return sorted((self.folder / kind).glob("p*/*.parquet"))


EVENT_COLUMNS = pl.Schema(
    {
        "user": pl.String,
        "item_id": pl.String,
        "key": pl.UInt64,
        "type": pl.UInt8,
        "time": pl.Int64,
        "value": pl.Float32,
        "request_id": pl.String,
        "received_ms": pl.Int64,
    }
)


def _requests(batch: pa.RecordBatch, known: set[Place]) -> Iterator[LoggedRequest]:
    columns = {name: _values(batch.column(name)) for name in (*_PLACE, *REQUESTS.columns)}
    for i in range(batch.num_rows):
        place = (columns["received_ms"][i], columns["sequence"][i], columns["partition"][i])
        if place not in known:
            known.add(place)
            row: Mapping[str, Any] = {name: values[i] for name, values in columns.items()}
            yield LoggedRequest(place[0], from_row(row))


def _values(column: pa.Array) -> Any:
    """A value a row; lists of numbers are slices of one array, so that no number is an object."""
    if pa.types.is_list(column.type) and pa.types.is_primitive(column.type.value_type):
        flat = column.flatten().to_numpy(zero_copy_only=False)
        ends = np.cumsum([0, *column.value_lengths().to_numpy(zero_copy_only=False)])
        return [flat[start:end] for start, end in pairwise(ends)]
    return column.to_pylist()


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0]
    return DataError(f"the log in {path} cannot be read: {reason}")
