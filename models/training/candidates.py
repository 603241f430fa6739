"""Candidate lists of many queries at once: the serving channels as matrix products."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from models.recall.two_tower import TwoTower
from models.schema.history import gather
from models.schema.parameters import Parameters
from models.schema.user_tower import UserEncoder
from models.training.log import Log
from models.training.split import Queries
from services.domain.arrays import F32, I32, I64, Bools
from services.domain.candidates import Candidates
from services.domain.context import RequestContext

CHANNELS = ("two_tower", "item_cf", "popular")
# The defaults of recall_limit of the gateway and of seen_margin of recall. They are not in the
# release: a deployment that sets others serves lists the models were not trained on.
LIMIT = 600  # candidates a request asks for
SEEN_MARGIN = 1000  # most items a channel fetches for those the user has seen
CELLS = 4_000_000  # scores held at once a channel


@dataclass(frozen=True)
class Recall:
    """Fitted recall models.

    Attributes:
        tower: the two-tower model.
        table: items as its user tower reads them, float32 [n, d].
        vectors: L2-normalised item vectors, float32 [n, d].
        item_cf: neighbour rows int32 [n, m] and scores float32 [n, m].
        popularity: score of each item, float32 [n].
        statics: static features of items, float32 [n, s].
    """

    tower: TwoTower
    table: F32
    vectors: F32
    item_cf: tuple[I32, F32]
    popularity: F32
    statics: F32


@dataclass(frozen=True)
class Lists:
    """For each query its user's vector, float32 [Q, d], and its candidates in merge order."""

    vectors: F32
    candidates: list[Candidates]


def recall(
    models: Recall, log: Log, queries: Queries, users: UserEncoder, parameters: Parameters
) -> Lists:
    """The merged candidates of each query, seen items left out, as the recall service gives."""
    vectors = user_vectors(models, log, queries, users)
    neighbours = _sparse(*models.item_cf)
    size = max(1, CELLS // log.item_count)
    found: list[Candidates] = []
    for start in range(0, len(queries), size):
        chunk = slice(start, start + size)
        at, ends = queries.users[chunk], queries.ends[chunk]
        scores = np.zeros((len(CHANNELS), len(at), log.item_count), np.float32)
        scores[0] = vectors[chunk] @ models.vectors.T
        recency = parameters.retrieval.item_cf_recency
        weights = _weights(log, at, ends, users.length, recency)
        scores[1] = (weights @ neighbours).toarray()
        scores[2] = models.popularity
        found += _merged(scores, _seen(log, at, ends), ends, parameters)
    return Lists(vectors, found)


@torch.no_grad()
def user_vectors(models: Recall, log: Log, queries: Queries, users: UserEncoder) -> F32:
    """The user tower's vectors, float32 [Q, d]."""
    parts = [np.empty((0, models.vectors.shape[1]), np.float32)]
    now = RequestContext(now=0)
    for start in range(0, len(queries), 1024):
        pairs = zip(
            queries.users[start : start + 1024], queries.ends[start : start + 1024], strict=True
        )
        contexts = [log.context(int(user), int(end)) for user, end in pairs]
        history, fields = users.encode(contexts, [now] * len(contexts))
        inputs = (gather(models.table, history.rows), history.mask, history.events)
        tensors = [torch.from_numpy(a) for a in (*inputs, history.gaps, fields)]
        parts.append(models.tower.users(*tensors).numpy())
    return np.concatenate(parts)


def _weights(log: Log, users: I64, ends: I64, length: int, recency: float) -> sparse.csr_matrix:
    """Weight of each item of each history in itemCF, sparse [Q, n]."""
    lengths = np.minimum(ends, length)
    owner = np.repeat(np.arange(len(users)), lengths)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = (log.offsets[users] + ends)[owner] - 1 - place
    shape = (len(users), log.item_count)
    return sparse.csr_matrix(((1.0 + place) ** -recency, (owner, log.rows[at])), shape=shape)


def _sparse(rows: I32, scores: F32) -> sparse.csr_matrix:
    n, m = rows.shape
    kept = rows.ravel() >= 0
    owner = np.repeat(np.arange(n), m)[kept]
    return sparse.csr_matrix((scores.ravel()[kept], (owner, rows.ravel()[kept])), shape=(n, n))


def _seen(log: Log, users: I64, ends: I64) -> Bools:
    seen = np.zeros((len(users), log.item_count), np.bool_)
    for i, (user, end) in enumerate(zip(users, ends, strict=True)):
        begin = log.offsets[user]
        seen[i, log.rows[begin : begin + end]] = True
    return seen


def _merged(scores: F32, seen: Bools, gone: I64, parameters: Parameters) -> list[Candidates]:
    """Merges channels as services.recall.merge: by the best place of an item, place / quota.

    An item has the bits and scores of the channels that have it within their quota; one that only
    fills up, beyond every quota, those of all that fetched it.

    Args:
        scores: float32 [C, Q, n]; 0 in item_cf means not found.
        seen: bool [Q, n], and `gone` their number, int64 [Q].
    """
    quotas = np.array([parameters.quotas[name] for name in CHANNELS], np.float32)
    scale = max(1.0, LIMIT / max(float(quotas.sum()), 1.0))
    ranks = np.full(scores.shape, np.inf, np.float32)
    for channel, name in enumerate(CHANNELS):
        fetched = np.ceil(quotas[channel] * scale) + np.minimum(gone, SEEN_MARGIN)
        wanted = np.maximum(fetched, LIMIT + gone) if name == "popular" else fetched
        places, rank = _places(scores[channel], seen, wanted.astype(np.int64))
        if name == "item_cf":
            rank[np.take_along_axis(scores[channel], places, axis=1) <= 0.0] = np.inf
        np.put_along_axis(ranks[channel], places, rank, axis=1)
    limits = np.maximum(quotas, np.float32(1e-6))[:, None, None]
    best = (ranks / limits).min(axis=0)
    hit = np.isfinite(ranks) & ((ranks <= limits) | (best > 1.0))
    return [_candidates(best[i], scores[:, i], hit[:, i]) for i in range(len(best))]


def _places(scores: F32, seen: Bools, wanted: I64) -> tuple[I64, F32]:
    """The best items of each query in order, and each one's rank among those not seen, from 1.

    The rank is infinite for seen items and beyond the best `wanted`, which count the seen ones.
    """
    most = min(int(wanted.max()), scores.shape[1])
    best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    inner = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, inner, axis=1)
    passed = ~np.take_along_axis(seen, best, axis=1) & (np.arange(most) < wanted[:, None])
    return best, np.where(passed, passed.cumsum(axis=1), np.inf).astype(np.float32)


def _candidates(order: F32, scores: F32, fetched: Bools) -> Candidates:
    rows = np.argsort(order, kind="stable")[: min(LIMIT, int(np.isfinite(order).sum()))]
    hit = fetched[:, rows].T
    channels = (hit << np.arange(hit.shape[1])).sum(axis=1).astype(np.uint32)
    found = np.where(hit, scores[:, rows].T, np.float32(0)).astype(np.float32)
    return Candidates(rows.astype(np.int32), channels, found)
