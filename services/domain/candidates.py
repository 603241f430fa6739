"""Candidates as columns: one array a property, never an object an item."""

from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import F32, I32, I64, U32, Bools
from services.domain.inline import NO_INLINE, InlineItems
from services.domain.live import STATISTICS

# As numpy scalars: converting those of Python costs more than the operation on a few hundred.
_LOWEST, _ZERO = np.float32(-np.inf), np.float32(0)
_SIGN, _REST = np.int32(31), np.int32(0x7FFFFFFF)
_POSITION = np.int64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Items on their way through the funnel, best first.

    Attributes:
        rows: row of each item in the pinned release, int32 [n]; row -1-i is the i-th inline item.
        channels: bit c is set when the release's c-th channel recalled the item, uint32 [n].
        recall_scores: score by channel, float32 [n, C]; 0 where the channel did not recall it.
        statistics: what happened to each item lately, float32 [n, S], columns STATISTICS; [0, 0]
            stands for zeros.
        inline: the items that negative rows mean.
    """

    rows: I32
    channels: U32
    recall_scores: F32
    statistics: F32 = field(default_factory=lambda: np.empty((0, 0), np.float32))
    inline: InlineItems = NO_INLINE

    @staticmethod
    def empty(channel_count: int) -> "Candidates":
        return Candidates(
            np.empty(0, np.int32),
            np.empty(0, np.uint32),
            np.empty((0, channel_count), np.float32),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: I32 | I64 | Bools) -> "Candidates":
        """The candidates at these positions, in this order; or those where a mask is True."""
        at = index.nonzero()[0] if index.dtype == np.bool_ else index
        return Candidates(
            self.rows.take(at),
            self.channels.take(at),
            self.recall_scores.take(at, axis=0),
            self.statistics.take(at, axis=0) if self.statistics.size else self.statistics,
            self.inline,
        )

    def all_statistics(self) -> F32:
        """The statistics, zeros written out: float32 [n, S]."""
        if self.statistics.size:
            return self.statistics
        return np.zeros((len(self), len(STATISTICS)), np.float32)


def best_first(scores: F32, limit: int) -> I64:
    """Positions of the `limit` highest scores, best first; ties keep their order, NaN is last."""
    return descending(scores)[:limit]


def descending(scores: F32) -> I64:
    """Order along the last axis from the highest score; ties keep their order, NaN is last.

    Sorts integers made of score and position: numpy sorts those several times faster than it sorts
    floats stably (1500 scores: 11 us, not 69).
    """
    keys = _keys(scores)
    keys.sort(axis=-1)
    return keys & _POSITION


def leading(scores: F32, limit: int) -> I64:
    """The first `limit` of `descending`, for few of very many: it sorts no others."""
    keys = _keys(scores)
    if limit < keys.shape[-1]:
        keys = np.partition(keys, limit, axis=-1)[..., :limit]
    keys.sort(axis=-1)
    return keys & _POSITION


def _keys(scores: F32) -> I64:
    """Integers that ascend as scores descend, and then by position; the low half is the latter."""
    sound = np.fmax(scores, _LOWEST, dtype=np.float32) + _ZERO  # no NaN, no negative zero
    bits = sound.view(np.int32)
    halves = np.empty((*scores.shape, 2), "<i4")
    halves[..., 0] = np.arange(scores.shape[-1], dtype=np.int32)
    # Flipping negative ones gives the order of IEEE 754 as integers; ~ turns it round.
    halves[..., 1] = ~(bits ^ ((bits >> _SIGN) & _REST))
    return halves.view("<i8")[..., 0]
