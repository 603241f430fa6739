"""What is counted of a canary and of its control: all that the rollout's guards judge."""

from zlib import crc32

import numpy as np

from services.domain.arrays import F32, I64
from services.gateway.answer import Answer
from services.gateway.lanes.diversity import intra_list_diversity
from services.gateway.lanes.tally import Tally
from services.gateway.stats import BUCKETS, bucket_of
from services.gateway.trace import Trace

STEPS = ("recall", "prerank", "rank", "rerank")
ITEM_GROUPS = 1024  # items by key modulo this
USER_GROUPS = 256  # users by crc32 of the id modulo this
SCORE_BUCKETS = 256
LEAST_SCORE, MOST_SCORE = 1e-4, 1e3  # by size; between them 18 buckets in a power of ten


def score_bounds() -> F32:
    """Upper bounds of all score buckets but the last, which has what is not a number; [255].

    The middle one has scores of at most LEAST_SCORE in size; on both sides of it are buckets of a
    constant ratio; the outermost have all that is beyond MOST_SCORE.
    """
    sizes = np.geomspace(LEAST_SCORE, MOST_SCORE, SCORE_BUCKETS // 2 - 1)
    return np.concatenate([-sizes[::-1], sizes, [np.inf]]).astype(np.float32)


_SCORE_BOUNDS = score_bounds()


def user_group(user_id: str) -> int:
    """The group of a user or session."""
    return crc32(user_id.encode()) % USER_GROUPS


class JudgedTally(Tally):
    """Counts what was shown and to whom, and what they did, too.

    A click or a purchase counts for the arm in which its user is when the event arrives, whichever
    list it came from: an event need not name one. This is so for both arms, and few users change
    theirs: those whom a step takes from stable.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stages = {stage: [0] * BUCKETS for stage in STEPS}
        self._scores = [0] * SCORE_BUCKETS
        self._items = [0] * ITEM_GROUPS
        self._lists = [0] * USER_GROUPS
        self._clicks = [0] * USER_GROUPS
        self._conversions = [0] * USER_GROUPS
        self._measured, self._diversity = 0, 0.0

    def answered(self, trace: Trace, answer: Answer, seconds: float) -> None:
        super().answered(trace, answer, seconds)
        self._lists[user_group(trace.request.user_id)] += 1
        for step in trace.steps:
            if step.seconds and step.stage in self._stages:  # 0: it was not asked
                self._stages[step.stage][bucket_of(step.seconds)] += 1
        slate, items, scores = trace.slate, self._items, self._scores
        for group in (trace.items.keys(slate.rows) % ITEM_GROUPS).tolist():
            items[group] += 1
        for bucket in _SCORE_BOUNDS.searchsorted(slate.scores).tolist():
            scores[bucket] += 1
        diversity = intra_list_diversity([item.text.categories for item in answer.items])
        if diversity is not None:
            self._measured += 1
            self._diversity += diversity

    def acted(self, user_id: str, clicks: int, conversions: int) -> None:
        group = user_group(user_id)
        self._clicks[group] += clicks
        self._conversions[group] += conversions

    def _sums(self) -> dict[str, float]:
        return {**super()._sums(), "measured": self._measured, "diversity": self._diversity}

    def _histograms(self) -> dict[str, I64]:
        counts = {
            **{f"latency_{stage}": counts for stage, counts in self._stages.items()},
            "scores": self._scores,
            "items": self._items,
            "user_lists": self._lists,
            "user_clicks": self._clicks,
            "user_conversions": self._conversions,
        }
        arrays = {name: np.array(row, np.int64) for name, row in counts.items()}
        return {**super()._histograms(), **arrays}
