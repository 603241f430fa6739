"""Values of the metrics by user, and their means with intervals."""

from collections.abc import Sequence

import numpy as np

from models.evaluation.bootstrap import Interval, intervals
from models.evaluation.metrics import RANKING
from models.evaluation.metrics.found import F64
from models.evaluation.places import Places, by_user


def values_of(places: Places, stage: str, ks: Sequence[int]) -> dict[str, F64]:
    """Metrics of a stage by user, each [users]; those longer than its list are left out."""
    found = places.found(stage)
    limit = places.about.limits[places.about.stages.index(stage)]
    names = [
        (f"{name}@{k}", metric(found, k))
        for k in ks
        if not limit or k <= limit
        for name, metric in RANKING
    ]
    if not names:
        return {}
    columns = by_user(places.users, np.stack([values for _, values in names], axis=1))
    return {name: columns[:, c] for c, (name, _) in enumerate(names)}


def accuracy(places: Places, ks: Sequence[int]) -> dict[str, dict[str, Interval]]:
    """By stage and metric the mean over users, with its interval."""
    found = {}
    for stage in places.about.stages:
        values = values_of(places, stage, ks)
        stacked = np.stack(list(values.values()), axis=1) if values else np.empty((0, 0))
        found[stage] = dict(zip(values, intervals(stacked), strict=True)) if values else {}
    return found


def of_manifest(places: Places) -> dict[str, float]:
    """The metrics that a manifest keeps: `<stage>.<metric>`, and as `<..>.ci95` half an interval.

    NDCG@10 and HR@10 of every stage, recall@300 of the channels alone and of the merged list.
    Nothing where there was nothing to be found.
    """
    if not len(places):
        return {}
    found: dict[str, float] = {}
    for stage in places.about.stages:
        candidates = stage not in ("prerank", "rank", "rerank")
        values = values_of(places, stage, (10,)) | values_of(places, stage, (300,) * candidates)
        names = ["ndcg@10", "hr@10", *["recall@300"] * candidates]
        means = intervals(np.stack([values[name] for name in names], axis=1))
        for name, mean in zip(names, means, strict=True):
            found[f"{stage}.{name}"] = mean.mean
            found[f"{stage}.{name}.ci95"] = mean.half
    return found
