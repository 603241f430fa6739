"""The degrade ladder: what the funnel goes on with when a stage has no answer. Pure functions."""

import numpy as np

from services.domain.arrays import I32, Bools
from services.domain.candidates import Candidates, best_first
from services.domain.context import RequestContext, UserContext
from services.domain.hard_rules import allowed
from services.domain.stages import Recalled, Scores, Slate
from services.gateway.release import GatewayRelease
from services.gateway.trace import Ranking

POPULAR = "popular"
NO_VECTOR = np.empty(0, np.float32)


def popular_candidates(
    release: GatewayRelease, context: UserContext, request: RequestContext, limit: int
) -> Recalled:
    """No recall: the release's popular list without what the user must not be shown."""
    rows, scores = release.popular_rows, release.popular_scores
    keep = allowed(rows, release.blocked) & admissible(rows, release, context, request)
    rows, scores = rows[keep][:limit], scores[keep][:limit]
    by_channel = np.zeros((len(rows), len(release.channels)), np.float32)
    mask = 0
    if POPULAR in release.channels:
        column = release.channels.index(POPULAR)
        by_channel[:, column] = scores
        mask = 1 << column
    channels = np.full(len(rows), mask, np.uint32)
    return Recalled(Candidates(rows, channels, by_channel), NO_VECTOR)


def admissible(
    rows: I32, release: GatewayRelease, context: UserContext, request: RequestContext
) -> Bools:
    """Which rows the request allows: not seen, not excluded, of its categories; bool [n]."""
    keys = release.keys[rows]
    keep = ~context.has_seen(keys)
    if len(request.exclude):
        keep &= np.isin(keys, request.exclude, invert=True)
    if request.categories:
        keep &= release.catalog.rows_in(request.categories)[rows]
    return keep


def recall_order(candidates: Candidates, limit: int) -> Ranking:
    """No prerank: the first of recall's order, scored 1, 1/2, 1/3 ... by their place.

    Scores of different channels do not compare: rerank would order by them anew.
    """
    rows, channels, scores = candidates.rows, candidates.channels, candidates.recall_scores
    first = Candidates(rows[:limit], channels[:limit], scores[:limit])
    return Ranking(first, np.reciprocal(np.arange(1, len(first) + 1, dtype=np.float32)))


def hard_rules_only(ranking: Ranking, blocked: I32, k: int) -> Slate:
    """No rerank: rank order without blocked items."""
    keep = allowed(ranking.candidates.rows, blocked)
    return Slate(ranking.candidates.rows[keep][:k], ranking.scores[keep][:k])


def ordered(candidates: Candidates, scores: Scores, limit: int) -> Ranking:
    """No fallback: the candidates by their scores, best first, at most `limit`."""
    index = best_first(scores.blended, limit)
    tasks = scores.tasks[index] if scores.tasks.shape[1] else None
    return Ranking(candidates.take(index), scores.blended[index], tasks)
