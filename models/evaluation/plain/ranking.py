"""Ranks the catalog, or given negatives, by the scores of a plain model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics.found import F64
from models.evaluation.places import SHOWN
from models.evaluation.plain.split import PlainSplit
from services.domain.arrays import I32, I64

BLOCK = 256  # users at once

Scores = Callable[[I64], F64]
"""Scores of all items for these users: int64 [b] → float64 [b, n]."""


@dataclass(frozen=True)
class Ranked:
    """Lists of one model for the users with test items, in the order of their rows.

    Attributes:
        places: of the test items, int32 [T].
        lists: first SHOWN items, -1 pads, int32 [Q, SHOWN].
        lengths: items that were ranked, int64 [Q].
    """

    places: I32
    lists: I32
    lengths: I64


def rank(split: PlainSplit, scores: Scores, progress: Callable[[float], None]) -> Ranked:
    """Orders by score, the best first, equal scores by column; training items are masked."""
    users = np.flatnonzero(np.diff(split.test.indptr))
    parts = []
    for start in range(0, len(users), BLOCK):
        parts.append(_block(split, scores, users[start : start + BLOCK]))
        progress(min(1.0, (start + BLOCK) / len(users)))
    return Ranked(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.lists for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def _block(split: PlainSplit, scores: Scores, users: I64) -> Ranked:
    n = split.train.shape[1]
    if split.negatives is None:
        masked = split.train[users].toarray() > 0
    else:
        masked = (split.negatives[users] + split.test[users]).toarray() == 0
    values = np.where(masked, np.inf, -scores(users))
    order = np.argsort(values, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(n)[None, :], axis=1)
    wanted = split.test[users]
    rows = np.repeat(np.arange(len(users)), np.diff(wanted.indptr))
    lengths = n - np.count_nonzero(masked, axis=1)
    lists = np.full((len(users), SHOWN), -1, np.int32)
    first = order[:, :SHOWN]
    lists[:, : first.shape[1]] = np.where(np.arange(first.shape[1]) < lengths[:, None], first, -1)
    return Ranked(place[rows, wanted.indices].astype(np.int32), lists, lengths)
