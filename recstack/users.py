"""Loads the users of a data set into the feature store, once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from services.domain.context import History
from services.domain.ids import item_keys
from services.domain.user_state import UserImport

if TYPE_CHECKING:
    import polars as pl

    from services.domain.arrays import F32, U8, U32, U64

HISTORY = 200
NOBODY = "anybody"
PART = 200  # users in one step of an import


def users_of(data: Path) -> Iterator[UserImport]:
    """Every user of the data set: attributes, the last events newest first, and all items seen.

    Those who did nothing yet come last.

    Raises:
        DataError: no data set in `data`, or a damaged one.
    """
    from models.data.dataset import Dataset

    tables = Dataset.open(data).tables()
    profiles = {
        str(row.pop("user_id")): {name: value for name, value in row.items() if value}
        for row in tables.users.iter_rows(named=True)
    }
    for user_id, events in _columns(tables.interactions):
        newest_first = events.keys[::-1]
        yield UserImport(user_id, profiles.pop(user_id, {}), events.history(), newest_first)
    nothing = np.empty(0, np.uint64)
    for user_id, profile in profiles.items():
        yield UserImport(user_id, profile, History.empty(), nothing)


def example_user(data: Path | None) -> str:
    """A user of the data set, for commands to try; without one, NOBODY: a cold start."""
    if data is None:
        return NOBODY
    from models.data.dataset import Dataset

    users = Dataset.open(data).tables().users["user_id"]
    return str(users[0]) if len(users) else NOBODY


@dataclass(frozen=True, slots=True)
class _Events:
    """Events of one user, oldest first, as columns."""

    keys: "U64"
    times: "U32"
    events: "U8"
    values: "F32"

    def history(self) -> History:
        newest = slice(None, -HISTORY - 1, -1)
        return History(
            self.keys[newest], self.times[newest], self.events[newest], self.values[newest]
        )


def _columns(interactions: "pl.DataFrame") -> Iterator[tuple[str, _Events]]:
    """Users with their events; the table is sorted by user, then by order."""
    ids = interactions["item_id"].unique(maintain_order=True)
    key_of = dict(zip(ids, item_keys(ids), strict=True))
    users = interactions["user_id"].to_numpy()
    keys = np.fromiter((key_of[i] for i in interactions["item_id"]), np.uint64, len(users))
    times = interactions["time"].to_numpy().clip(0).astype(np.uint32)
    events = interactions["event"].to_numpy().astype(np.uint8)
    values = interactions["value"].to_numpy().astype(np.float32)
    bounds = np.unique([0, *(np.flatnonzero(users[1:] != users[:-1]) + 1), len(users)])
    for start, end in pairwise(bounds):
        part = slice(start, end)
        yield (
            str(users[start]),
            _Events(keys[part], times[part], events[part], values[part]),
        )


class Imported(Protocol):
    """How a part of an import ended."""

    @property
    def existing(self) -> int:
        """Users that were there already."""
        ...


class UserImports(Protocol):
    """Where users are loaded; an import is named by the fingerprint of its data."""

    async def done(self, fingerprint: str) -> bool:
        """Whether the import was finished before."""
        ...

    async def add(self, fingerprint: str, users: Sequence[UserImport], last: bool) -> Imported:
        """Stores a part of the import; `last` finishes it. Users that exist stay as they are."""
        ...


async def load_users(imports: UserImports, fingerprint: str, users: Iterable[UserImport]) -> int:
    """Loads the users unless this import was finished before; returns how many existed already.

    Raises:
        CallError: the store failed; what was stored stays, and loading again goes on from there.
    """
    if await imports.done(fingerprint):
        return 0
    waiting: list[UserImport] = []
    existing = 0
    for user in users:
        if len(waiting) == PART:
            existing += (await imports.add(fingerprint, waiting, last=False)).existing
            waiting.clear()
        waiting.append(user)
    return existing + (await imports.add(fingerprint, waiting, last=True)).existing
