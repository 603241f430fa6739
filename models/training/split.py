"""Which events train what, and which are held out."""

from dataclasses import dataclass

import numpy as np

from models.training.log import Log
from services.domain.arrays import I64, Bools

BARE = 10  # one in ten is trained on without its circumstances: a request may come so
MIN_ITEMS = 5  # users with fewer different items are trained on, never held out


@dataclass(frozen=True, slots=True)
class Queries:
    """Requests at a point of the past: what would user u, having done `ends` events, do next?

    Attributes:
        users, ends: int64 [Q]; the answer is the user's event at position `ends`.
        targets: row of that answer, int64 [Q].
        liked: whether the user likes the answer, then or later in the log, bool [Q].
    """

    users: I64
    ends: I64
    targets: I64
    liked: Bools

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Split:
    """Last new item of a user: test. Second-last: validation. Before: the later slice, the early.

    An item is new in the first event a user has with it. What follows the test event, repeats of
    items the user had, is nobody's history and nobody's answer.

    Attributes:
        early: events of each user that fit the recall models which score the ranker's rows.
        slice_end: where the later slice ends and the validation event is, int64 [U].
        test: where the test event is, int64 [U]; the number of events of users not held out.
        held_out: users with a validation and a test event.
    """

    early: I64
    slice_end: I64
    test: I64
    held_out: I64


def last_out(log: Log, share: float, most: int) -> Split:
    """Splits every user's sequence; ties in time were ordered when the log was made.

    Args:
        share: share of a user's training events in the later slice.
        most: most events of one user in it.
    """
    new = np.flatnonzero(log.new)
    items = np.bincount(log.users[new], minlength=log.user_count)
    long = items >= MIN_ITEMS
    last = np.cumsum(items)[long] - 1
    slice_end, test = log.sizes.copy(), log.sizes.copy()
    slice_end[long] = log.positions[new[last - 1]]
    test[long] = log.positions[new[last]]
    later = np.minimum((slice_end * share).astype(np.int64), most)
    later[~long] = 0
    return Split(slice_end - later, slice_end, test, np.flatnonzero(long))


def slice_length(log: Log, share: float, most: int, rows: int) -> int:
    """Most events of a user in the later slice, for about `rows` in all; 1 to `most`.

    Of a long log a short slice is enough, and the better one: it follows closely on what recall was
    fitted on, as requests do in serving.
    """
    lengths = (log.sizes * share).astype(np.int64)
    fitting = [n for n in range(1, most + 1) if np.minimum(lengths, n).sum() <= rows]
    return max(fitting, default=1)


def queries(log: Log, users: I64, ends: I64) -> Queries:
    """Queries for the event at `ends` of each of `users`."""
    at = log.offsets[users] + ends
    return Queries(users, ends, log.rows[at], log.liked[at])


def slice_queries(log: Log, split: Split) -> Queries:
    """One query an event of the later slice with an item that the user did not have before."""
    log = log.first(split.slice_end)
    inside = log.new & (log.positions >= split.early[log.users])
    return queries(log, log.users[inside], log.positions[inside])
