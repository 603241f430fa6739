"""What changes while a release serves: new items, item statistics, what is trending now."""

from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import F32, I32, I64, U64, Bools
from services.domain.inline import NO_INLINE, InlineItems

WINDOWS = (("1h", 3_600), ("1d", 86_400), ("7d", 604_800))
"""Name and time constant, seconds, of the decayed counts of items."""

STATISTICS = tuple(f"{kind}_{name}" for name, _ in WINDOWS for kind in ("engaged", "ctr"))
"""Columns of item statistics: by window log(1 + decayed engagements), and the smoothed CTR less its
prior, so that zeros say that nothing is known (services/statistics/decay.py has the formulas)."""


@dataclass(frozen=True, slots=True)
class FreshItems:
    """Items put since the release was trained, those that may be shown now; m of them.

    Attributes:
        items: ids, vectors and content features. Row -1-i of a channel is the i-th of them.
        keys: item keys, uint64 [m].
        categories, tags: names by item.
        born: when each was first put, unix seconds, int64 [m].
    """

    items: InlineItems = NO_INLINE
    keys: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    categories: tuple[tuple[str, ...], ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    born: I64 = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Takedowns:
    """Items that leave every answer: hidden, deleted or expiring; h of them.

    Attributes:
        rows: ascending, int32 [h]; fresh items too.
        until: the last unix second each may be shown before, int64 [h]; 0: it is gone already.
    """

    rows: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    until: I64 = field(default_factory=lambda: np.empty(0, np.int64))

    def gone(self, rows: I32, now: int) -> Bools:
        """Which of these rows may not be shown at `now`, bool [n]."""
        if not len(self.rows):
            return np.zeros(len(rows), np.bool_)
        at = self.rows.searchsorted(rows)
        gone = self.rows.take(at, mode="clip") == rows
        found = gone.nonzero()[0]
        gone[found] = self.until.take(at.take(found)) <= now
        return np.asarray(gone)


@dataclass(frozen=True, slots=True)
class Changed:
    """Items of the release that were put since: what was put counts, not the release.

    Attributes:
        rows: int32 [c].
        categories, tags: names by item.
    """

    rows: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    categories: tuple[tuple[str, ...], ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Live:
    """One state of what changes; a batch of queries is answered from one of them.

    Attributes:
        fresh: items newer than the release.
        statistics: by row, float32 [n + m, S]; the i-th fresh item is row -1-i, so at the end, in
            reverse. Empty [0, S]: there are none.
        trending_rows: rows of what is engaged with most now, best first, int32 [t].
        trending_scores: float32 [t].
        takedowns: what may not be shown.
        changed: items of the release with other categories and tags.
    """

    fresh: FreshItems = field(default_factory=FreshItems)
    statistics: F32 = field(default_factory=lambda: np.empty((0, len(STATISTICS)), np.float32))
    trending_rows: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    trending_scores: F32 = field(default_factory=lambda: np.empty(0, np.float32))
    takedowns: Takedowns = field(default_factory=Takedowns)
    changed: Changed = field(default_factory=Changed)

    def statistics_of(self, rows: I32) -> F32:
        """Statistics of rows, float32 [k, S]; zeros where there are none."""
        if not len(self.statistics):
            return np.zeros((len(rows), len(STATISTICS)), np.float32)
        return self.statistics.take(rows, axis=0, mode="wrap")


NOTHING_LIVE = Live()
