"""What may be wrong with a stage's value; a wrong one counts as a failure of the stage."""

from collections.abc import Callable

import numpy as np

from services.domain.arrays import I32
from services.domain.stages import (
    Recalled,
    Reranked,
    Scores,
    Similar,
)


def recalled_fault(items: int, channels: int) -> Callable[[Recalled], str]:
    """Checks candidates of a release with so many items and channels."""

    def fault(recalled: Recalled) -> str:
        candidates = recalled.candidates
        if candidates.recall_scores.shape != (len(candidates), channels):
            return f"recall scores have the shape {candidates.recall_scores.shape}"
        if len(candidates.channels) != len(candidates):
            return f"{len(candidates.channels)} bitmasks for {len(candidates)} candidates"
        inline = candidates.inline
        if not len(inline.ids) == len(inline.vectors) == len(inline.features):
            return f"{len(inline.ids)} inline items with {len(inline.vectors)} vectors"
        return _rows_fault(candidates.rows, items, len(inline))

    return fault


def scores_fault(count: int, tasks: int) -> Callable[[Scores], str]:
    """Checks scores of `count` candidates, with probabilities of `tasks` tasks or of none."""

    def fault(scores: Scores) -> str:
        if len(scores.blended) != count:
            return f"{len(scores.blended)} scores for {count} candidates"
        if scores.tasks.shape[1] and scores.tasks.shape != (count, tasks):
            return f"task scores have the shape {scores.tasks.shape}"
        if not (np.isfinite(scores.blended).all() and np.isfinite(scores.tasks).all()):
            return "a score is not finite"
        return ""

    return fault


def reranked_fault(items: int, inline: int, k: int) -> Callable[[Reranked], str]:
    """Checks a final list of at most `k`, of a release with so many items, and inline ones."""

    def fault(reranked: Reranked) -> str:
        slate = reranked.slate
        if len(slate.rows) > k or len(slate.rows) != len(slate.scores):
            return f"{len(slate.rows)} items and {len(slate.scores)} scores, at most {k} expected"
        if not np.isfinite(slate.scores).all():
            return "a score is not finite"
        return _rows_fault(slate.rows, items, inline)

    return fault


def similar_fault(items: int) -> Callable[[Similar], str]:
    """Checks items like an item, of a release with so many items."""

    def fault(similar: Similar) -> str:
        rows, scores = similar.rows, similar.scores
        if len(rows) != len(scores) or not np.isfinite(scores).all():
            return f"{len(rows)} items with {len(scores)} scores, or one is not finite"
        return _rows_fault(rows, items, len(similar.inline))

    return fault


def _rows_fault(rows: I32, items: int, inline: int) -> str:
    if not len(rows):
        return ""
    if rows.min() < -inline or rows.max() >= items:
        return f"a row is outside the release's {items} items and {inline} inline ones"
    if len(set(rows.tolist())) != len(rows):
        return "an item is there twice"
    return ""
