"""Lessons from what was shown: a click against what was shown beside it and not clicked.

What a user did not click because it was never shown is no negative: it teaches what the policy
of the log liked to show, not what users like (Joachims et al., Unbiased learning-to-rank, 2017).
"""

from dataclasses import dataclass

import numpy as np

from models.data.exposures import Exposures
from models.training.candidates import Lists
from models.training.log import Log
from models.training.rows import Labelled
from models.training.split import Queries
from services.domain.arrays import I64

NEAR = 60  # seconds between the look and the event of the click, at most


@dataclass(frozen=True)
class Shown:
    """The list that holds each query's answer.

    Attributes:
        begins, ends: its exposures, int64 [Q]; none where it is unknown.
    """

    log: Log
    queries: Queries
    exposures: Exposures
    begins: I64
    ends: I64

    def rows(self, i: int) -> I64:
        """What the list of the i-th query showed that the user had not had before."""
        shown = self.exposures.rows[self.begins[i] : self.ends[i]].astype(np.int64)
        begin, done = self.log.offsets[self.queries.users[i]], self.queries.ends[i]
        return shown[~np.isin(shown, self.log.rows[begin : begin + done])]

    def __len__(self) -> int:
        return len(self.begins)


def shown_before(log: Log, exposures: Exposures, ends: I64) -> Exposures:
    """What was shown before the first event of each user that is held out, `ends` [U].

    Not the list that it was taken from; all, where a user's events are all known.
    """
    limits = np.full(log.user_count, np.iinfo(np.int64).max)
    cut = ends < log.sizes
    times = log.times.astype(np.int64)
    limits[cut] = times[log.offsets[:-1][cut] + ends[cut]] - NEAR
    some = cut & (ends > 0)
    limits[some] = np.maximum(limits[some], times[log.offsets[:-1][some] + ends[some] - 1] + 1)
    return exposures.before(limits)


def shown_with(log: Log, queries: Queries, exposures: Exposures) -> Shown:
    """Finds the list from which each answer was clicked."""
    events = log.offsets[queries.users] + queries.ends
    clicks = np.flatnonzero(exposures.clicked & (exposures.users >= 0))
    users, rows = exposures.users[clicks], exposures.rows[clicks]
    order = clicks[np.lexsort((exposures.times[clicks], rows, users))]
    pairs = exposures.users[order].astype(np.int64) * log.item_count + exposures.rows[order]
    wanted = queries.users * log.item_count + queries.targets
    low, high = np.searchsorted(pairs, wanted), np.searchsorted(pairs, wanted, side="right")
    begins, ends = np.zeros((2, len(queries)), np.int64)
    for i, (first, last) in enumerate(zip(low, high, strict=True)):
        now = int(log.times[events[i]])
        times = exposures.times[order[first:last]].astype(np.int64)
        near = np.flatnonzero((times <= now) & (times >= now - NEAR))
        if len(near):
            number = exposures.lists[order[first + near[-1]]]
            begins[i] = np.searchsorted(exposures.lists, number)
            ends[i] = np.searchsorted(exposures.lists, number, side="right")
    return Shown(log, queries, exposures, begins, ends)


def label(queries: Queries, lists: Lists, shown: Shown) -> Labelled:
    """The lists whose answer was shown with something that was not clicked.

    Args:
        lists: with what was shown among the candidates.
    """
    kept, answers, negatives, positions = [], [], [], []
    for i, candidates in enumerate(lists.candidates):
        at = slice(shown.begins[i], shown.ends[i])
        exposures = shown.exposures
        left = exposures.rows[at][~exposures.clicked[at]]
        negative = np.isin(candidates.rows, left)
        if not negative.any():
            continue
        place_of = dict(
            zip(exposures.rows[at].tolist(), exposures.places[at].tolist(), strict=True)
        )
        kept.append(i)
        answers.append(int(np.flatnonzero(candidates.rows == queries.targets[i])[0]))
        negatives.append(negative)
        places = [1 + place_of.get(row, -1) for row in candidates.rows.tolist()]
        positions.append(np.array(places, np.int64))
    return Labelled(
        np.array(kept, np.int64),
        [lists.candidates[i] for i in kept],
        np.array(answers, np.int64),
        negatives,
        positions,
    )
