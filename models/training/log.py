"""Interactions as flat arrays, one user's events side by side in time order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from models.data.dataset import Tables
from models.data.interactions import INTERACTION_COLUMNS
from models.schema.history import ENGAGED, LIKED
from services.domain.arrays import F32, I64, U8, U32, U64, Bools
from services.domain.context import History, Seen, UserContext
from services.domain.ids import item_keys


@dataclass(frozen=True)
class Log:
    """The engagements of a data set. User u has the events offsets[u] to offsets[u + 1].

    Attributes:
        offsets: int64 [U + 1].
        rows: item row of each event, int64 [E].
        events, times, values: as in History, [E]; times are orders where there is no clock.
        user_ids: [U].
        profiles: attributes of each user, [U].
        keys: item key by row, uint64 [n].
        has_clock: times are unix seconds, comparable between users.
        circumstances: what events happened in, each once.
        happened_in: place in `circumstances` of each event, int64 [E].
    """

    offsets: I64
    rows: I64
    events: U8
    times: U32
    values: F32
    user_ids: Sequence[str]
    profiles: Sequence[Mapping[str, str]]
    keys: U64
    has_clock: bool
    circumstances: Sequence[Mapping[str, str]] = ({},)
    happened_in: I64 = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.happened_in):  # nothing is known of them
            object.__setattr__(self, "happened_in", np.zeros(len(self.rows), np.int64))

    @staticmethod
    def of(tables: Tables, has_clock: bool) -> "Log":
        """The engagements of `tables`, ordered by user, then by order; rows follow the items."""
        frame = tables.interactions.sort("user_id", "order")
        frame = frame.filter(frame["event"].is_in(list(map(int, ENGAGED))))
        item_ids = tables.items["item_id"].to_list()
        row_of = {item: row for row, item in enumerate(item_ids)}
        profile_of = {p.pop("user_id"): p for p in tables.users.to_dicts()}
        users, first = np.unique(frame["user_id"].to_numpy(), return_index=True)
        circumstances, happened_in = _circumstances(frame.drop(INTERACTION_COLUMNS))
        return Log(
            offsets=np.append(first, frame.height).astype(np.int64),
            rows=np.fromiter((row_of[i] for i in frame["item_id"]), np.int64, frame.height),
            events=frame["event"].to_numpy().astype(np.uint8),
            times=frame["time"].to_numpy().clip(0, 2**32 - 1).astype(np.uint32),
            values=frame["value"].to_numpy().astype(np.float32),
            user_ids=[str(user) for user in users],
            profiles=[profile_of[str(user)] for user in users],
            keys=item_keys(item_ids),
            has_clock=has_clock,
            circumstances=circumstances,
            happened_in=happened_in,
        )

    @property
    def user_count(self) -> int:
        return len(self.user_ids)

    @property
    def item_count(self) -> int:
        return len(self.keys)

    @cached_property
    def sizes(self) -> I64:
        """Number of events of each user, int64 [U]."""
        return np.diff(self.offsets)

    @cached_property
    def users(self) -> I64:
        """The user of each event, int64 [E]."""
        return np.repeat(np.arange(self.user_count), self.sizes)

    @cached_property
    def positions(self) -> I64:
        """The place of each event in its user's sequence, from 0, int64 [E]."""
        return np.arange(len(self.rows)) - self.offsets[self.users]

    @cached_property
    def new(self) -> Bools:
        """Whether each event is its user's first with its item, bool [E].

        Only these are to be predicted: serving takes out what a user had before.
        """
        new = np.zeros(len(self.rows), np.bool_)
        new[np.unique(self._pairs, return_index=True)[1]] = True
        return new

    @cached_property
    def liked(self) -> Bools:
        """Whether the user of each event likes or buys its item anywhere in the log, bool [E]."""
        return np.isin(self._pairs, self._pairs[np.isin(self.events, LIKED)])

    @property
    def _pairs(self) -> I64:
        """One number by user and item, int64 [E]."""
        return self.users * self.item_count + self.rows

    def first(self, ends: I64) -> "Log":
        """The log without what each user did from event ends[u] on; all users stay."""
        kept = self.positions < ends[self.users]
        sizes = np.minimum(ends, self.sizes)
        return Log(
            np.append(0, np.cumsum(sizes)),
            self.rows[kept],
            self.events[kept],
            self.times[kept],
            self.values[kept],
            self.user_ids,
            self.profiles,
            self.keys,
            self.has_clock,
            self.circumstances,
            self.happened_in[kept],
        )

    def attributes(self, user: int, end: int) -> Mapping[str, str]:
        """What event `end` of a user happened in; nothing where there is no such event yet."""
        if end >= self.sizes[user]:
            return {}
        return self.circumstances[int(self.happened_in[self.offsets[user] + end])]

    def context(self, user: int, end: int, length: int = 200) -> UserContext:
        """What the feature store would know of a user before event `end`; all of it is seen."""
        start = self.offsets[user]
        kept = slice(start + max(0, end - length), start + end)
        history = History(
            self.keys[self.rows[kept]][::-1],
            self.times[kept][::-1],
            self.events[kept][::-1],
            self.values[kept][::-1],
        )
        seen = Seen(self.keys[self.rows[start : start + end]][::-1])
        return UserContext(self.user_ids[user], end > 0, self.profiles[user], history, seen)


def _circumstances(frame: pl.DataFrame) -> tuple[Sequence[Mapping[str, str]], I64]:
    """The rows that differ, and which of them each row is, int64 [E]."""
    if not frame.width or not frame.height:
        return ({},), np.zeros(frame.height, np.int64)
    distinct = frame.unique(maintain_order=True).with_row_index("#place")
    places = frame.join(distinct, on=frame.columns, how="left", maintain_order="left")["#place"]
    return distinct.drop("#place").to_dicts(), places.to_numpy().astype(np.int64)
