"""Two of anything on the same users: releases, stages, models."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from models.evaluation import EvaluationError
from models.evaluation.bootstrap import Difference, paired
from models.evaluation.metrics.found import F64
from models.evaluation.places import Places
from models.evaluation.tables import Cell, Table
from models.evaluation.values import values_of

PAIRED = ("ndcg", "hr", "recall")
"""Metrics of which differences are tested."""

NOTE = "paired over users: 95 % bootstrap interval of the difference, p by sign flips"


def comparison(a: Places, b: Places, ks: Sequence[int]) -> Table:
    """a - b by stage, user by user.

    Raises:
        EvaluationError: when the two are not of the same queries.
    """
    check_pair(a, b)
    stages = [stage for stage in a.about.stages if stage in b.about.stages]
    rows: list[tuple[Cell, ...]] = []
    for stage in stages:
        mine, theirs = values_of(a, stage, ks), values_of(b, stage, ks)
        for name in (f"{metric}@{k}" for k in ks for metric in PAIRED):
            if name in mine and name in theirs:
                change = paired(mine[name], theirs[name])
                means = (float(mine[name].mean()), float(theirs[name].mean()))
                rows.append((stage, name, *means, *_change(change)))
    return Table(
        titled(a, f"{a.about.subject} less {b.about.subject}"),
        ("stage", "metric", "this", "other", "difference", "p", "sure"),
        tuple(rows),
        NOTE,
    )


def check_pair(a: Places, b: Places) -> None:
    """EvaluationError when the two do not answer the same queries, or none."""
    for name in ("fingerprint", "protocol", "ranking"):
        mine, theirs = getattr(a.about, name), getattr(b.about, name)
        if mine != theirs:
            what = "data" if name == "fingerprint" else name
            raise EvaluationError(
                f"{a.about.subject} and {b.about.subject} cannot be compared: their {what} differ"
                + ("" if name == "fingerprint" else f" ({mine}; {theirs})")
            )
    if not np.array_equal(a.users, b.users) or not np.array_equal(a.offsets, b.offsets):
        raise EvaluationError(
            f"{a.about.subject} and {b.about.subject} cannot be compared: their users differ"
        )
    if not len(a):
        raise EvaluationError("there is nothing to compare: nothing was measured")


def of_stages(places: Places, ks: Sequence[int]) -> list[Table]:
    """The final list against the best channel alone, and each stage against the one before."""
    values = {stage: values_of(places, stage, ks) for stage in places.about.stages}
    channels = places.about.stages[: places.about.stages.index("recall")]
    against: list[tuple[Cell, ...]] = []
    for metric in values["rerank"]:
        if metric.partition("@")[0] in PAIRED:
            best = _best(values, channels, metric)
            change = paired(values["rerank"][metric], values[best][metric])
            against.append((metric, best, *_change(change)))
    steps: list[tuple[Cell, ...]] = []
    for before, after in pairwise(("recall", "prerank", "rank", "rerank")):
        for metric in (f"ndcg@{k}" for k in ks):
            if metric in values[before] and metric in values[after]:
                change = paired(values[after][metric], values[before][metric])
                steps.append((after, before, metric, *_change(change)))
    return [
        Table(
            "The final list less the best channel alone",
            ("metric", "best channel", "difference", "p", "sure"),
            tuple(against),
            f"{NOTE}; the best channel is chosen on the same users, which favours it",
        ),
        Table(
            "Each stage less the one before",
            ("stage", "before", "metric", "difference", "p", "sure"),
            tuple(steps),
            NOTE,
        ),
    ]


def _best(values: Mapping[str, Mapping[str, F64]], stages: Sequence[str], metric: str) -> str:
    """The stage with the highest mean."""
    return max(stages, key=lambda stage: float(values[stage][metric].mean()))


def first_and_others(places: Places, ks: Sequence[int]) -> list[Table]:
    """The first of several models less each other."""
    first, *others = places.about.stages
    rows: list[tuple[Cell, ...]] = []
    for other in others:
        mine, theirs = values_of(places, first, ks), values_of(places, other, ks)
        for metric in (f"{name}@{k}" for k in ks for name in PAIRED):
            rows.append((other, metric, *_change(paired(mine[metric], theirs[metric]))))
    columns = ("other", "metric", "difference", "p", "sure")
    return [Table(titled(places, f"{first} less the others"), columns, tuple(rows))] if rows else []


def titled(places: Places, title: str) -> str:
    sampled = places.about.ranking.startswith("sampled")
    return f"{title} ({places.about.ranking})" if sampled else title


def _change(change: Difference) -> tuple[Cell, ...]:
    return change.interval, change.p, "yes" if change.sure else "no"
