"""What may be wrong with a stage's value; a wrong one counts as a failure of the stage."""

from collections.abc import Callable

import numpy as np

from services.domain.arrays import I32
from services.domain.stages import Recalled, Reranked, Scores


def recalled_fault(items: int, channels: int) -> Callable[[Recalled], str]:
    """Checks candidates of a release with so many items and channels."""

    def fault(recalled: Recalled) -> str:
        candidates = recalled.candidates
        if candidates.recall_scores.shape != (len(candidates), channels):
            return f"recall scores have the shape {candidates.recall_scores.shape}"
        if len(candidates.channels) != len(candidates):
            return f"{len(candidates.channels)} bitmasks for {len(candidates)} candidates"
        return _rows_fault(candidates.rows, items)

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


def reranked_fault(items: int, k: int) -> Callable[[Reranked], str]:
    """Checks a final list of at most `k`."""

    def fault(reranked: Reranked) -> str:
        slate = reranked.slate
        if len(slate.rows) > k or len(slate.rows) != len(slate.scores):
            return f"{len(slate.rows)} items and {len(slate.scores)} scores, at most {k} expected"
        if not np.isfinite(slate.scores).all():
            return "a score is not finite"
        return _rows_fault(slate.rows, items)

    return fault


def _rows_fault(rows: I32, items: int) -> str:
    if not len(rows):
        return ""
    if rows.min() < 0 or rows.max() >= items:
        return f"a row is outside the release's {items} items"
    if len(set(rows.tolist())) != len(rows):
        return "an item is there twice"
    return ""
