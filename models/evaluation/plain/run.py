"""Plain models on a split."""

from collections.abc import Callable, Sequence

import numpy as np

from models.evaluation import EvaluationError
from models.evaluation.metrics.diversity import ild
from models.evaluation.metrics.found import F64
from models.evaluation.places import About, Places
from models.evaluation.plain.models import MODELS, Hyper
from models.evaluation.plain.ranking import rank
from models.evaluation.plain.split import PlainSplit
from services.domain.arrays import I32

Report = Callable[[str], Callable[[float], None]]


def run(
    split: PlainSplit, names: Sequence[str], hyper: Hyper, about: About, report: Report
) -> Places:
    """Fits each model on the training items and ranks for every user with test items.

    Args:
        about: name, protocol and fingerprint of the data; the rest is filled in.
        report: begins a step and returns who hears how far it is.

    Raises:
        EvaluationError: when there is no model of a name, or it cannot be fitted on so much.
    """
    if unknown := [name for name in names if name not in MODELS]:
        raise EvaluationError(f"there is no model {unknown[0]!r}; there are {', '.join(MODELS)}")
    ranked = []
    for name in names:
        progress = report(f"{name}: {about.protocol}")
        ranked.append(rank(split, MODELS[name](split.train, hyper), progress))
    lists = np.stack([one.lists for one in ranked])
    sizes = np.diff(split.test.indptr)
    users = np.flatnonzero(sizes)
    places = Places(
        about,
        users,
        np.append(0, np.cumsum(sizes[users])),
        np.stack([one.places for one in ranked]),
        lists,
        np.stack([one.lengths for one in ranked]),
        np.asarray(split.train.sum(axis=0)).ravel().astype(np.int64),
        _diversity(split, lists),
    )
    return places.named(
        ranking=f"sampled: {split.sampled}" if split.sampled else "whole catalog",
        stages=tuple(names),
        limits=(0,) * len(names),
        population=int(np.count_nonzero(np.diff(split.train.indptr))),
        notes=split.notes,
    )


def _diversity(split: PlainSplit, lists: I32) -> F64:
    """There are no item vectors; categories, where the data has them."""
    stages, queries, k = lists.shape
    unknown = np.full((stages, queries), np.nan)
    if not split.categories.size:
        return np.stack([unknown, unknown])
    flat = lists.reshape(stages * queries, k)
    return np.stack([unknown, ild(flat, split.categories).reshape(stages, queries)])
