"""What is known when a request arrives: the user, and the request's own circumstances."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import F32, U8, U32, U64, Bools
from services.domain.bloom import BloomFilter

SESSION = "session:"
"""Before the id of an anonymous visitor's session, wherever users are told apart: no session is the
user of that id."""
PREFERENCES = "preferences"
"""Profile attribute: the categories a user chose at the start, best first, as a JSON list."""

_LOW_BITS = np.uint64(0xFFF)


@dataclass(frozen=True, slots=True)
class History:
    """A user's last events, newest first; all arrays have shape [L].

    Attributes:
        keys: item keys.
        times: unix seconds.
        events: EventType numbers.
        values: rating or dwell seconds, 0 when there is none.
    """

    keys: U64
    times: U32
    events: U8
    values: F32

    @staticmethod
    def empty() -> "History":
        return History(
            np.empty(0, np.uint64),
            np.empty(0, np.uint32),
            np.empty(0, np.uint8),
            np.empty(0, np.float32),
        )

    def __len__(self) -> int:
        return len(self.keys)

    def head(self, length: int) -> "History":
        """The newest `length` events."""
        return History(
            self.keys[:length], self.times[:length], self.events[:length], self.values[:length]
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """Items a user must not be shown again: an exact list, and Bloom filters for the older ones.

    Attributes:
        recent: keys last shown, newest first, exact.
        generations: filters over everything shown or acted on, newest first.
    """

    recent: U64
    generations: tuple[BloomFilter, ...] = ()

    @staticmethod
    def nothing() -> "Seen":
        return Seen(np.empty(0, np.uint64))

    def contains(self, keys: U64) -> Bools:
        """Which keys were seen, shape [n]; a filter may say so of a few that were not."""
        return self._filtered(keys, among(keys, self.recent))

    def contains_or(self, keys: U64, listed: U64) -> Bools:
        """Which keys were seen or are in a list, shape [n]."""
        return self._filtered(keys, among(keys, np.concatenate([self.recent, listed])))

    def _filtered(self, keys: U64, known: Bools) -> Bools:
        """`known`, and what the filters have."""
        for generation in self.generations:
            known |= generation.contains(keys)
        return known

    def count(self) -> int:
        """About how many items are seen; what a channel has to fetch beyond its quota."""
        return max(len(self.recent), sum(g.count for g in self.generations))


@dataclass(frozen=True, slots=True)
class UserContext:
    """What the feature store knows of a user.

    Attributes:
        user_id: the user's id, or "session:<id>" of an anonymous visitor.
        known: False when there is neither profile nor history: the cold-start case.
        profile: attribute name → value, as they were put; encoded by the release's schema.
        items_version: version of the item table when this was read; 0: not known. A gateway whose
            copy is older reads the changes before it answers.
    """

    user_id: str
    known: bool
    profile: Mapping[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History.empty)
    seen: Seen = field(default_factory=Seen.nothing)
    items_version: int = 0

    @staticmethod
    def unknown(user_id: str) -> "UserContext":
        return UserContext(user_id, known=False)

    def has_seen(self, keys: U64) -> Bools:
        """Which keys the user acted on or was shown, shape [n]."""
        return self.seen.contains_or(keys, self.history.keys)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The circumstances of one request, the same for every stage.

    Attributes:
        now: the request's time, unix seconds; stages read no clock of their own.
        placement: where the list is shown, such as "home"; empty: not given.
        attributes: such as device; encoded by the release's schema, unknown names are ignored.
        exclude: keys of items that must not be in the answer.
        categories: only items of one of these; empty: all.
        tags: only items with all of these; empty: all.
    """

    now: int
    placement: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    exclude: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def preferences(profile: Mapping[str, str]) -> tuple[str, ...]:
    """The categories the user chose, best first; none when they cannot be read."""
    if PREFERENCES not in profile:
        return ()
    try:
        chosen = json.loads(profile[PREFERENCES])
    except (ValueError, RecursionError):
        return ()
    if not isinstance(chosen, list):
        return ()
    return tuple(name for name in chosen if isinstance(name, str) and name)


def among(keys: U64, listed: U64) -> Bools:
    """Which keys are in a list, bool [n].

    Keys are hashes: a table over their low bits leaves few to compare, several times faster than
    np.isin, which sorts all of them.
    """
    found = np.zeros(len(keys), np.bool_)
    if not len(listed):
        return found
    table = np.zeros(int(_LOW_BITS) + 1, np.bool_)
    table[(listed & _LOW_BITS).view(np.int64)] = True
    left = table.take((keys & _LOW_BITS).view(np.int64)).nonzero()[0]
    ordered, few = np.sort(listed), keys.take(left)
    # A key beyond the last one is compared with the last one.
    found[left] = ordered.take(ordered.searchsorted(few), mode="clip") == few
    return found
