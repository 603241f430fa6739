"""Which events train what, and which are held out."""

from dataclasses import dataclass

import numpy as np

from models.training.log import Log
from services.domain.arrays import I64, Bools

MIN_EVENTS = 5  # users with fewer are trained on, never held out


@dataclass(frozen=True, slots=True)
class Queries:
    """Requests at a point of the past: what would user u, having done `ends` events, do next?

    Attributes:
        users, ends: int64 [Q]; the answer is the user's event at position `ends`.
        targets: row of that answer, int64 [Q].
        liked: whether the answer was a LIKE, bool [Q].
    """

    users: I64
    ends: I64
    targets: I64
    liked: Bools

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Split:
    """Last event of a user: test. Second-last: validation. Before: the later slice, the early one.

    Attributes:
        early: events of each user that fit the recall models which score the ranker's rows.
        slice_end: where the later slice ends and the validation event is, int64 [U].
        held_out: users with a validation and a test event.
    """

    early: I64
    slice_end: I64
    held_out: I64


def last_out(log: Log, share: float, most: int) -> Split:
    """Splits every user's sequence; ties in time were ordered when the log was made.

    Args:
        share: share of a user's training events in the later slice.
        most: most events of one user in it.
    """
    long = log.sizes >= MIN_EVENTS
    slice_end = np.where(long, log.sizes - 2, log.sizes)
    later = np.minimum((slice_end * share).astype(np.int64), most)
    later[~long] = 0
    return Split(slice_end - later, slice_end, np.flatnonzero(long))


def queries(log: Log, users: I64, ends: I64) -> Queries:
    """Queries for the event at `ends` of each of `users`."""
    at = log.offsets[users] + ends
    return Queries(users, ends, log.rows[at], log.events[at] == 3)


def slice_queries(log: Log, split: Split) -> Queries:
    """One query an event of the later slice that the user did not have before."""
    inside = (log.positions >= split.early[log.users]) & (
        log.positions < split.slice_end[log.users]
    )
    return queries(log, log.users[inside], log.positions[inside])
