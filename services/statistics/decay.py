"""Exponentially decayed counts of items, and what is computed from them."""

import numpy as np
import numpy.typing as npt

from services.domain.arrays import F32, I32, I64, Bools
from services.domain.live import STATISTICS, WINDOWS

F64 = npt.NDArray[np.float64]

ENGAGED, SHOWN = 0, 1
"""Second index of counts: events that say interest, and impressions."""

KINDS = 2
TAUS = np.array([seconds for _, seconds in WINDOWS], np.float64)

PRIOR_CTR = 0.05
PRIOR_WEIGHT = 20.0
"""How many impressions the prior is worth."""

_DAY, _WEEK = (next(i for i, (name, _) in enumerate(WINDOWS) if name == n) for n in ("1d", "7d"))
TRENDING_LIMIT = 500
"""Items of the trending list, in training and by default in serving."""
TRENDING_FLOOR = 3.0
"""Engagements of the last day below which nothing is trending."""
TRENDING_SLACK = 5.0
"""Added to the expected engagements, so that few of them make no high score."""


class Decayed:
    """Counts of n items, by kind and window; an event of age a counts exp(-a / tau).

    Each item has one reference time, that of its newest event. An older event that comes later
    counts less at once, so that the counts do not depend on the order of events.

    Attributes:
        last: reference times, unix seconds, int64 [n].
        counts: at the reference time, float64 [n, KINDS, W].
    """

    def __init__(self, item_count: int) -> None:
        self.last: I64 = np.zeros(item_count, np.int64)
        self.counts: F64 = np.zeros((item_count, KINDS, len(WINDOWS)))

    def __len__(self) -> int:
        return len(self.last)

    def grow(self, item_count: int) -> None:
        """Makes room for rows below `item_count`; what is counted stays."""
        if item_count > len(self.last):
            room = max(item_count, 2 * len(self.last)) - len(self.last)
            self.last = np.concatenate([self.last, np.zeros(room, np.int64)])
            self.counts = np.concatenate([self.counts, np.zeros((room, *self.counts.shape[1:]))])

    def take(self, rows: I64) -> "Decayed":
        """The counts of some items, in this order."""
        taken = Decayed(0)
        taken.last, taken.counts = self.last[rows], self.counts[rows]
        return taken

    def add(self, rows: I32 | I64, engaged: bool | Bools, times: I64) -> None:
        """Counts events.

        Args:
            rows: items, int [m]; may repeat.
            engaged: whether each is an engagement, bool [m], or one for all; else an impression.
            times: unix seconds [m], in any order.
        """
        touched, place = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        before = self.last[touched]
        newest = before.copy()
        np.maximum.at(newest, place, times)
        self.last[touched] = newest
        self.counts[touched] *= np.exp(-(newest - before)[:, None] / TAUS)[:, None, :]
        weights = np.exp(-(newest[place] - times)[:, None] / TAUS)
        kinds: I64 = np.broadcast_to(np.where(engaged, ENGAGED, SHOWN), len(place))
        np.add.at(self.counts.reshape(-1, len(TAUS)), touched[place] * KINDS + kinds, weights)

    def at(self, now: float) -> F64:
        """The counts decayed to a time, float64 [n, KINDS, W]; events after it count whole."""
        age = np.maximum(now - self.last, 0.0)
        return np.asarray(self.counts * np.exp(-age[:, None] / TAUS)[:, None, :])

    def features(self, now: float) -> F32:
        """Columns of STATISTICS, float32 [n, S]."""
        return features_of(self.at(now))

    def trending(self, now: float, limit: int) -> tuple[I32, F32]:
        """Rows that are trending, best first, int32 [t], and their scores, float32 [t]."""
        return trending_of(self.at(now), limit)


def features_of(counts: F64) -> F32:
    """Columns of STATISTICS, float32 [n, S], of counts [n, KINDS, W] decayed to one time.

    By window: log(1 + engaged), and the CTR smoothed to a prior of 5 % worth 20 impressions, less
    that prior: (engaged + 1) / (shown + 20) - 1/20. An item without events has zeros. Clients that
    report no impressions have engaged > shown; then shown is taken as engaged.
    """
    engaged, shown = counts[:, ENGAGED], counts[:, SHOWN]
    features = np.empty((len(counts), len(STATISTICS)), np.float32)
    features[:, 0::2] = np.log1p(engaged)
    smoothed = (engaged + PRIOR_CTR * PRIOR_WEIGHT) / (np.maximum(shown, engaged) + PRIOR_WEIGHT)
    features[:, 1::2] = smoothed - PRIOR_CTR
    return features


def shown_of(features: F32) -> F32:
    """Decayed impressions of the week, float32 [n], read back from columns of STATISTICS [n, S]."""
    engaged = np.expm1(features[:, 2 * _WEEK])
    smoothed = features[:, 2 * _WEEK + 1] + np.float32(PRIOR_CTR)
    shown = (engaged + PRIOR_CTR * PRIOR_WEIGHT) / smoothed - PRIOR_WEIGHT
    return np.asarray(np.maximum(shown, 0.0), np.float32)


def trending_of(counts: F64, limit: int) -> tuple[I32, F32]:
    """Rows that are engaged with more than usual, best first; at most `limit`.

    The score of an item is how far the engagements d of its last day are above those that its
    week w foretells, in standard deviations of a Poisson count: (d - w/7) / sqrt(w/7 + 5). Items
    with d < 3 or a score of 0 or less are not trending. In a log of less than a week it orders as
    d does.

    Args:
        counts: float64 [n, KINDS, W], decayed to one time.
        limit: how many.
    """
    day = counts[:, ENGAGED, _DAY]
    usual = counts[:, ENGAGED, _WEEK] * (TAUS[_DAY] / TAUS[_WEEK])
    scores = (day - usual) / np.sqrt(usual + TRENDING_SLACK)
    rows = np.flatnonzero((day >= TRENDING_FLOOR) & (scores > 0))
    rows = rows[np.argsort(-scores[rows], kind="stable")][:limit]
    return rows.astype(np.int32), scores[rows].astype(np.float32)
