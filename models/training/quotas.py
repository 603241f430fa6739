"""The choice of quotas: how many candidates each recall channel gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.training.channels import KEPT, LIVE
from models.training.places import DEPTH, Places
from services.domain.arrays import F32, I64, Bools

LEVELS = (0, 10, 20, 40, 70, 110, 160, 220, 300)
LEAST_GAIN = 0.002  # of recall at DEPTH: a channel that adds less does not run
TOTAL = 600  # what the quotas add up to; the order depends on their ratios alone
MIN_QUERIES = 50
MAX_QUERIES = 1500
NDCG_WEIGHT = 0.02  # among quotas that find as many, those that find them earlier

UNMEASURED = {
    "two_tower": 200,
    "item_cf": 200,
    "content": 60,
    "category": 40,
    **LIVE,
    "popular": 100,
}
"""Where too few users have enough events to measure by."""

UNTRAINED = {"content": 220, "category": 220, **LIVE, "popular": 100}
"""Where there is not one event: what needs no one's behaviour but the user's own."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        quotas: by channel that runs, in the order of channels.
        queries: how many were measured; 0: the quotas are those given.
        merged: recall at DEPTH of the merged list.
        alone: of each channel by itself.
        lost: what the merged list loses without a channel; of one that does not run, what it
            would add at its best quota, below 0.
    """

    quotas: Mapping[str, int]
    queries: int = 0
    merged: float = 0.0
    alone: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, float] = field(default_factory=dict)

    def table(self) -> dict[str, dict[str, float]]:
        """By channel its "quota", "alone" and "lost", and "merged"; empty without a search."""
        if not self.queries:
            return {}
        channels = {
            name: {"quota": self.quotas.get(name, 0), "alone": alone, "lost": self.lost[name]}
            for name, alone in self.alone.items()
        }
        return channels | {"merged": {"alone": self.merged, "queries": self.queries}}


def search(places: Places) -> Search:
    """Quotas by coordinate search for the recall at DEPTH of the merged list.

    Items are chosen as services.recall.merge chooses them: by their best place / quota. The order
    that it gives the chosen ones afterwards is left out: quotas decide what gets in. Each
    channel in turn is given its best quota, until nothing changes; then the channel that is missed
    least goes, when it is missed by less than LEAST_GAIN, and the rest is searched again. LIVE
    channels have fixed quotas, KEPT ones least quotas.
    """
    objective = _Objective(places)
    free = [name for name in places.channels if name not in LIVE]
    quotas = {name: LIVE.get(name, KEPT.get(name, 0)) for name in places.channels}
    while True:
        quotas = _climbed(objective, quotas, free)
        missed = {
            name: objective.recall(quotas) - objective.recall(quotas | {name: 0})
            for name in free
            if quotas[name] and name not in KEPT
        }
        least = min(missed, key=lambda name: missed[name], default="")
        if not least or missed[least] >= LEAST_GAIN:
            break
        free.remove(least)
        quotas[least] = 0
    return _report(objective, quotas)


def _climbed(objective: "_Objective", quotas: dict[str, int], free: list[str]) -> dict[str, int]:
    """Gives each channel in turn its best level, until a whole round changes nothing."""
    before: dict[str, int] = {}
    while before != quotas:
        before = quotas
        for name in free:
            levels = [level for level in LEVELS if level >= KEPT.get(name, 0)]
            tried = [quotas | {name: level} for level in (quotas[name], *levels)]
            quotas = max(tried, key=objective.value)  # the first of equals: what it was
    return quotas


def _report(objective: "_Objective", quotas: dict[str, int]) -> Search:
    names = objective.places.channels
    merged = objective.recall(quotas)
    lost = {
        name: merged - objective.recall(quotas | {name: 0})
        if quotas[name]
        else merged - max(objective.recall(quotas | {name: level}) for level in LEVELS[1:])
        for name in names
    }
    alone = {name: objective.recall(dict.fromkeys(names, 0) | {name: 1}) for name in names}
    return Search(scaled(quotas), len(objective.places), merged, alone, lost)


def scaled(quotas: Mapping[str, int]) -> dict[str, int]:
    """The quotas with a sum of about TOTAL, LIVE ones as they are; those of 0 left out."""
    fixed = sum(LIVE.get(name, 0) for name in quotas)
    searched = sum(quotas.values()) - fixed
    factor = (TOTAL - fixed) / max(searched, 1)
    return {
        name: quota if name in LIVE else max(1, round(quota * factor))
        for name, quota in quotas.items()
        if quota
    }


class _Objective:
    """Recall of the merged list over the queries of `places`, by quotas."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._found = np.flatnonzero(places.answers >= 0)
        self._sizes = np.diff(places.offsets)
        self._known: dict[tuple[int, ...], tuple[float, float]] = {}

    def recall(self, quotas: Mapping[str, int]) -> float:
        return self._of(quotas)[0]

    def value(self, quotas: Mapping[str, int]) -> float:
        recall, ndcg = self._of(quotas)
        return recall + NDCG_WEIGHT * ndcg

    def _of(self, quotas: Mapping[str, int]) -> tuple[float, float]:
        """Share of the answers among the first DEPTH, and NDCG@10."""
        key = tuple(quotas[name] for name in self.places.channels)
        if key not in self._known:
            place = self._merged(key)
            gains = np.where(place < 10, 1.0 / np.log2(place + 2.0), 0.0)
            count = max(len(self.places), 1)
            self._known[key] = (float((place < DEPTH).sum()) / count, float(gains.sum()) / count)
        return self._known[key]

    def _merged(self, quotas: tuple[int, ...]) -> F32:
        """Place of each found answer in the order of choice, from 0; ties count half."""
        places = self.places
        best = np.full(places.places.shape[1], np.inf, np.float32)
        for place, quota in zip(places.places, quotas, strict=True):
            if quota:
                np.minimum(best, place * np.float32(1.0 / quota), out=best)
        mine = np.full(len(places), -np.inf, np.float32)
        mine[self._found] = best[places.answers[self._found]]
        of_item = np.repeat(mine, self._sizes)
        before = _by_query(best < of_item, places.offsets)
        level = _by_query(best == of_item, places.offsets)
        merged = np.where(np.isfinite(mine), before + (level - 1) / 2, np.inf)
        return np.asarray(merged[self._found], np.float32)


def _by_query(these: Bools, offsets: I64) -> I64:
    """How many of each query's items, int64 [Q]."""
    total = np.concatenate([[0], np.cumsum(these, dtype=np.int64)])
    return np.asarray(total[offsets[1:]] - total[offsets[:-1]])
