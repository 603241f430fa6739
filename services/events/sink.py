"""Where entries go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from services.events.entries import Entry
from services.events.entry_id import EntryId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Effects:
    """What has to be done before the entries that were put are done.

    Attributes:
        finish: makes what was written visible.
        records: written to the sink's hash together with the position; an empty one deletes.
    """

    finish: Callable[[], None] | None = None
    records: Mapping[bytes, bytes] = field(default_factory=dict)


class Sink(Protocol[T]):
    """Takes the entries of one stream, each once and in their order after an `open`."""

    name: str

    async def open(self, position: EntryId) -> None:
        """Forgets everything since the last effects; the next entry is the one after `position`."""
        ...

    async def put(self, entries: Sequence[Entry[T]], position: EntryId) -> Effects | None:
        """Takes entries, also none, up to `position`.

        None: the position may not be stored yet. Otherwise it is stored with these effects, or
        `open` is called.
        """
        ...

    def close(self) -> None:
        """The lease is lost or given up: what is held in memory is worth nothing now."""
        ...
