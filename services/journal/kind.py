"""What the events service knows of a kind of log entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Rows = Mapping[str, Any]
"""Column name → a sequence or numpy array with a value a row."""

ENTRY_COLUMNS = {"partition": "uint8", "received_ms": "int64", "sequence": "uint32"}
"""Columns of every kind, put before its own. Together they name a row: a reader keeps one row of
those that have the same three. received_ms: when Redis took the entry, unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of entry, such as events.

    Attributes:
        name: names its streams and the folder of its files.
        columns: name → type: bool, uint8, uint32, uint64, int32, int64, float32, string, binary,
            list<type> or map<string, type>.
        decode: the payload of a stream entry; ValueError when it is not one.
        rows: a value a row for each column.
    """

    name: str
    columns: Mapping[str, str]
    decode: Callable[[bytes], T]
    rows: Callable[[Sequence[T]], Rows]
