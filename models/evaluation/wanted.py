"""What is to be found: queries at a point of the past, and the items that users then chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.evaluation import EvaluationError
from models.evaluation.plain.files import PlainFile
from models.training.candidates import request_times
from models.training.log import Log
from models.training.split import Queries, last_out, queries
from services.domain.arrays import I64

LAST_OUT = "last new item of each user"


@dataclass(frozen=True, slots=True)
class Wanted:
    """User users[q], after `ends[q]` events, chose the items offsets[q] to offsets[q + 1].

    Attributes:
        users, ends: int64 [Q].
        offsets: int64 [Q + 1].
        targets: rows of the items, int64 [T].
        times: when each is asked, unix seconds, int64 [Q]; 0 in a log without a clock.
        protocol: how they were held out, for people.
        notes: what was counted on the way.
    """

    users: I64
    ends: I64
    offsets: I64
    targets: I64
    times: I64
    protocol: str
    notes: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.users)


def answers(log: Log, asked: Queries, protocol: str = LAST_OUT) -> Wanted:
    """One true item a query, asked when the user chose it."""
    offsets = np.arange(len(asked) + 1)
    times = request_times(log, asked)
    return Wanted(asked.users, asked.ends, offsets, asked.targets, times, protocol)


def last_items(log: Log) -> Wanted:
    """The last new item of each user with enough items to be held out."""
    split = last_out(log, share=0.0, most=0)
    some = split.held_out
    short = int(np.count_nonzero(log.sizes > 0)) - len(some)
    wanted = answers(log, queries(log, some, split.test[some]))
    return _checked(wanted, {"users with too few items": short})


def after(log: Log, time: int) -> Wanted:
    """All new items of each user after a moment; what came before is the history.

    Raises:
        EvaluationError: when the log has no clock, or no user with a history has new items.
    """
    if not log.has_clock:
        raise EvaluationError("the data has no times, so there is nothing after a moment")
    ends = np.bincount(log.users[log.times <= time], minlength=log.user_count)
    later = log.new & (log.times > time)
    held_out = later & (ends[log.users] > 0)
    users = len(np.unique(log.users[later]))
    notes = {
        "users without new items afterwards": log.user_count - users,
        "users without history, left out": users - len(np.unique(log.users[held_out])),
    }
    times = np.full(log.user_count, time, np.int64)
    protocol = f"new items after {time}"
    wanted = _grouped(log.users[held_out], log.rows[held_out], ends, times, protocol)
    return _checked(wanted, notes)


def given(log: Log, item_ids: Sequence[str], test: PlainFile) -> Wanted:
    """The items of a file; a user's history is the whole log, and now is when that ends.

    Unknown users and items, and items that the user already had, are left out and counted.
    """
    user_of = {user: row for row, user in enumerate(log.user_ids)}
    row_of = {item: row for row, item in enumerate(item_ids)}
    users = np.array([user_of.get(user, -1) for user in test.users], np.int64)
    rows = np.array([row_of.get(item, -1) for item in test.items], np.int64)
    known = (users >= 0) & (rows >= 0)
    pairs = np.unique(users[known] * log.item_count + rows[known])
    had = np.isin(pairs, log.users * log.item_count + log.rows)
    notes = {
        "test users that the data does not have": len(set(test.users) - user_of.keys()),
        "test items that the data does not have": len(set(test.items) - row_of.keys()),
        "test items that the user had before": int(np.count_nonzero(had)),
    }
    some, items = np.divmod(pairs[~had], log.item_count)
    now = int(log.times.max(initial=0)) * log.has_clock
    times = np.full(log.user_count, now, np.int64)
    wanted = _grouped(some, items, log.sizes, times, "items of a test file")
    return _checked(wanted, notes)


def by_time(wanted: Wanted) -> Wanted:
    """The same queries, the oldest first."""
    order = np.argsort(wanted.times, kind="stable")
    sizes = np.diff(wanted.offsets)
    pairs = zip(wanted.offsets[order], sizes[order], strict=True)
    at = [np.arange(start, start + size) for start, size in pairs]
    return replace(
        wanted,
        users=wanted.users[order],
        ends=wanted.ends[order],
        offsets=np.append(0, np.cumsum(sizes[order])),
        targets=wanted.targets[np.concatenate([np.empty(0, np.int64), *at])],
        times=wanted.times[order],
    )


def _grouped(users: I64, rows: I64, ends: I64, times: I64, protocol: str) -> Wanted:
    """`users` ascending; `ends` and `times` of every user of the log."""
    distinct, counts = np.unique(users, return_counts=True)
    offsets = np.append(0, np.cumsum(counts))
    return Wanted(distinct, ends[distinct], offsets, rows, times[distinct], protocol)


def _checked(wanted: Wanted, notes: Mapping[str, int]) -> Wanted:
    if not len(wanted):
        counted = ", ".join(f"{name}: {count}" for name, count in notes.items() if count)
        raise EvaluationError(f"no user has a test item ({counted or 'the data is empty'})")
    return replace(wanted, notes=notes)
