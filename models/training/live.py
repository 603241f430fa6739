"""What changed while users acted: item statistics and the trending list, as of a past time."""

import numpy as np

from models.training.log import Log
from services.domain.arrays import F32
from services.domain.live import NOTHING_LIVE, STATISTICS, Live
from services.statistics.decay import TRENDING_LIMIT, Decayed

_IS_CTR = np.array([name.startswith("ctr") for name in STATISTICS])


class Clock:
    """The live state that requests of the past had, by the events of a log before them.

    Engagements alone are counted, so the CTR of every item is as of one without impressions: those
    of a list come just before the click that is to be foretold, and would give it away.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._order = np.argsort(log.times, kind="stable") if log.has_clock else np.empty(0, int)
        self._times = log.times[self._order].astype(np.int64)
        self._counted = 0
        self._decayed = Decayed(log.item_count)

    def at(self, now: int) -> Live:
        """The state when every event before `now`, and no other, has happened.

        Times must not go back from call to call. Without a clock there is no statistic.
        """
        if not self._log.has_clock:
            return NOTHING_LIVE
        end = int(np.searchsorted(self._times, now))
        if end > self._counted:
            fresh = slice(self._counted, end)
            rows = self._log.rows[self._order[fresh]]
            self._decayed.add(rows, True, self._times[fresh])
            self._counted = end
        rows, scores = self._decayed.trending(now, TRENDING_LIMIT)
        return Live(
            statistics=_without_ctr(self._decayed.features(now)),
            trending_rows=rows,
            trending_scores=scores,
        )


def _without_ctr(statistics: F32) -> F32:
    statistics[:, _IS_CTR] = 0.0
    return statistics
