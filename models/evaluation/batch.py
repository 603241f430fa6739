"""What the stages made of some queries, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.funnel import Funnel, Trail
from models.evaluation.losses import reason_of
from models.evaluation.metrics.found import NOT_FOUND
from models.evaluation.places import SHOWN
from services.domain.arrays import F32, I32, I64, Bools


@dataclass(frozen=True, slots=True)
class Batch:
    """Results of Q queries with T true items at S stages, and of C candidates of rank.

    Attributes:
        places: int32 [S, T]; NOT_FOUND where a list does not have the item.
        lists: first SHOWN rows, -1 pads, int32 [S, Q, SHOWN].
        lengths: of the whole lists, int64 [S, Q].
        reasons: why each true item is not in the last list [T].
        labels: which candidates of rank are true, bool [C], query after query.
        probabilities: of interaction, by rank, float32 [C].
    """

    places: I32
    lists: I32
    lengths: I64
    reasons: list[str]
    labels: Bools
    probabilities: F32


def stages_of(funnel: Funnel) -> tuple[str, ...]:
    """Popular first, which the others have to beat, then the other channels, then the stages."""
    channels = sorted(funnel.channels, key=lambda name: name != "popular")
    return (*channels, "recall", "prerank", "rank", "rerank")


def batch_of(funnel: Funnel, trails: Sequence[Trail], targets: Sequence[I32]) -> Batch:
    """`targets`: rows of the true items of each query; -1: the release does not have it."""
    lists = [_lists(funnel, trail) for trail in trails]
    pairs = list(zip(trails, targets, strict=True))
    interact = funnel.manifest.tasks.index("interact")
    return Batch(
        np.concatenate(
            [_places(one, true) for one, true in zip(lists, targets, strict=True)], axis=1
        ),
        np.stack([[_first(rows) for rows in one] for one in lists], axis=1),
        np.array([[len(rows) for rows in one] for one in lists], np.int64).T,
        [reason_of(trail, row, funnel.k) for trail, true in pairs for row in true.tolist()],
        np.concatenate([np.isin(trail.ranked.rows, true) for trail, true in pairs]),
        np.concatenate([trail.scores.tasks[:, interact] for trail in trails]),
    )


def joined(batches: Sequence[Batch], stages: int) -> Batch:
    """All queries of the batches, in order."""
    nothing = Batch(
        np.empty((stages, 0), np.int32),
        np.empty((stages, 0, SHOWN), np.int32),
        np.empty((stages, 0), np.int64),
        [],
        np.empty(0, np.bool_),
        np.empty(0, np.float32),
    )
    every = [nothing, *batches]
    return Batch(
        np.concatenate([one.places for one in every], axis=1),
        np.concatenate([one.lists for one in every], axis=1),
        np.concatenate([one.lengths for one in every], axis=1),
        [reason for one in every for reason in one.reasons],
        np.concatenate([one.labels for one in every]),
        np.concatenate([one.probabilities for one in every]),
    )


def _lists(funnel: Funnel, trail: Trail) -> list[I32]:
    """Rows after each stage, in the order of `stages_of`."""
    alone = dict(zip(funnel.channels, trail.channels, strict=True))
    return [
        *(alone[name] for name in stages_of(funnel)[: len(alone)]),
        trail.recalled.candidates.rows,
        trail.kept.rows,
        trail.ranked.rows,
        trail.final.slate.rows,
    ]


def _places(lists: Sequence[I32], targets: I32) -> I32:
    """Place of each target in each list, int32 [S, t]."""
    found = np.full((len(lists), len(targets)), NOT_FOUND, np.int32)
    for stage, rows in enumerate(lists):
        hits, at = np.nonzero((targets[:, None] == rows[None, :]) & (targets[:, None] >= 0))
        found[stage, hits] = at
    return found


def _first(rows: I32) -> I32:
    return np.pad(rows[:SHOWN], (0, max(0, SHOWN - len(rows))), constant_values=-1)
