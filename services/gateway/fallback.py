"""The degrade ladder: what the funnel goes on with when a stage has no answer. Pure functions."""

import numpy as np

from services.domain.arrays import F32, I32, I64, Bools
from services.domain.candidates import Candidates, best_first
from services.domain.context import RequestContext, UserContext
from services.domain.hard_rules import allowed
from services.domain.repeats import again
from services.domain.stages import (
    Recalled,
    Scores,
    Slate,
)
from services.gateway.item_view import ItemView
from services.gateway.trace import Ranking
from services.items.record import Item

POPULAR = "popular"
NO_VECTOR = np.empty(0, np.float32)
NEW_ITEMS = 5
"""So many items newer than the release go on after prerank, if there are any: it was trained
without them, and what is never shown is never clicked."""


def popular_candidates(
    view: ItemView, context: UserContext, request: RequestContext, limit: int, at_least: int = 0
) -> Recalled:
    """No recall: the release's popular list without what the user must not be shown.

    Where fewer than `at_least` are left, what the user has seen fills up, as in recall.
    """
    release = view.release
    keep = allowed(release.popular_rows, release.blocked)
    keep &= admissible(release.popular_rows, view, request)
    rows, scores = release.popular_rows[keep], release.popular_scores[keep]
    keys = view.keys(rows)
    seen = context.has_seen(keys)
    unseen = np.flatnonzero(~seen)[:limit]
    repeats = np.flatnonzero(seen)[again(keys[seen], context)][: max(at_least - len(unseen), 0)]
    order = np.concatenate([unseen, repeats])
    rows, scores = rows[order], scores[order]
    by_channel = np.zeros((len(rows), len(release.channels)), np.float32)
    mask = 0
    if POPULAR in release.channels:
        column = release.channels.index(POPULAR)
        by_channel[:, column] = scores
        mask = 1 << column
    channels = np.full(len(rows), mask, np.uint32)
    return Recalled(Candidates(rows, channels, by_channel), NO_VECTOR, repeats=len(repeats))


def admissible(rows: I32, view: ItemView, request: RequestContext) -> Bools:
    """Which rows of the release the request allows; bool [n].

    Those not taken down, not excluded, and of its categories and tags.
    """
    keys = view.keys(rows)
    keep = ~view.table.hidden(keys, request.now)
    if len(request.exclude):
        keep &= np.isin(keys, request.exclude, invert=True)
    return np.asarray(keep & labelled(rows, view, request))


def labelled(rows: I32, view: ItemView, request: RequestContext) -> Bools:
    """Which rows have the categories and tags of the request; what was put goes first."""
    if not request.categories and not request.tags:
        return np.ones(len(rows), np.bool_)
    catalog = view.release.catalog
    fits = np.ones(len(rows), np.bool_)
    if request.categories:
        fits &= catalog.rows_in(request.categories)[rows]
    if request.tags:
        fits &= catalog.rows_with_tags(request.tags)[rows]
    for at, record in view.records(rows):
        fits[at] = has_labels(record, request)
    return fits


def has_labels(item: Item, request: RequestContext) -> bool:
    """Whether an item has a category and all tags of the request."""
    of_category = not request.categories or not set(request.categories).isdisjoint(item.categories)
    return of_category and set(request.tags) <= set(item.tags)


def recall_order(candidates: Candidates, limit: int) -> Ranking:
    """No prerank: the first of recall's order, scored 1, 1/2, 1/3 ... by their place.

    Scores of different channels do not compare: rerank would order by them anew.
    """
    first = candidates.take(_with_room(np.arange(len(candidates)), candidates.rows, limit))
    return Ranking(first, place_scores(len(first)))


def place_scores(count: int) -> F32:
    """1, 1/2, 1/3 ...: float32 [count]."""
    return np.reciprocal(np.arange(1, count + 1, dtype=np.float32))


def hard_rules_only(ranking: Ranking, blocked: I32, k: int) -> Slate:
    """No rerank: rank order without blocked items."""
    keep = allowed(ranking.candidates.rows, blocked)
    return Slate(ranking.candidates.rows[keep][:k], ranking.scores[keep][:k])


def ordered(candidates: Candidates, scores: Scores, limit: int) -> Ranking:
    """No fallback: the candidates by their scores, best first, at most `limit`."""
    order = best_first(scores.blended, len(scores.blended))
    index = _with_room(order, candidates.rows, limit)
    tasks = scores.tasks[index] if scores.tasks.shape[1] else None
    return Ranking(candidates.take(index), scores.blended[index], tasks)


def _with_room(order: I64, rows: I32, limit: int) -> I64:
    """The first `limit` of an order of candidates, the best NEW_ITEMS inline ones among them."""
    first, inline = order[:limit], rows < 0
    if not inline.any():
        return first
    newer = order[inline[order]][: min(NEW_ITEMS, limit)]
    chosen = np.zeros(len(order), np.bool_)
    chosen[first] = True
    if chosen[newer].all():
        return first
    chosen[:] = False
    chosen[newer] = True
    others = order[~chosen[order]]
    chosen[others[: limit - len(newer)]] = True
    return np.asarray(order[chosen[order]])
