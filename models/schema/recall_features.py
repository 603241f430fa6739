"""What recall said of a candidate and what happened to it lately: features of prerank and rank."""

from collections.abc import Sequence

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates, descending
from services.domain.live import STATISTICS

PER_CHANNEL = 3
_ONE, _LEAST = np.float32(1), np.float32(1e-6)


def feature_count(channel_count: int) -> int:
    """Number of columns of `recall_features` with C channels: 3 C + S."""
    return PER_CHANNEL * channel_count + len(STATISTICS)


def recall_features(lists: Sequence[Candidates], channel_count: int) -> F32:
    """Features of all candidates of all queries, float32 [N, 3 C + S].

    By channel: the score, the score by the query's best one, and 1 / (1 + rank in the channel);
    all 0 where the channel did not recall the item. After them the item's statistics.
    """
    width = feature_count(channel_count)
    features = np.zeros((sum(len(candidates) for candidates in lists), width), np.float32)
    if not len(features):
        return features
    channels, items, scores = _finds(lists)
    groups = owners(lists).take(items) + channels * len(lists)
    best, ranks = _best_and_ranks(groups, scores, channel_count * len(lists))
    cells, flat = items * width + channels * PER_CHANNEL, features.reshape(-1)
    flat[cells] = scores
    flat[cells + 1] = scores / best
    flat[cells + 2] = _ONE / ranks
    if any(candidates.statistics.size for candidates in lists):
        statistics = [candidates.all_statistics() for candidates in lists]
        features[:, PER_CHANNEL * channel_count :] = np.concatenate(statistics)
    return features


def owners(lists: Sequence[Candidates]) -> I64:
    """The query each candidate belongs to, int64 [N]."""
    return np.repeat(np.arange(len(lists)), [len(candidates) for candidates in lists])


def _finds(lists: Sequence[Candidates]) -> tuple[I64, I64, F32]:
    """Who recalled what, channel after channel: channels, positions of candidates, scores [f]."""
    scores = np.concatenate([candidates.recall_scores for candidates in lists if len(candidates)])
    masks = np.concatenate([candidates.channels for candidates in lists])
    count, width = scores.shape
    bits = np.uint32(1) << np.arange(width, dtype=np.uint32)
    recalled = (masks & bits[:, None]) > 0
    channels = np.arange(width).repeat(recalled.sum(axis=1))
    items = recalled.reshape(-1).nonzero()[0] - channels * count
    return channels, items, scores.reshape(-1).take(items * width + channels)


def _best_and_ranks(groups: I64, scores: F32, count: int) -> tuple[F32, F32]:
    """Best magnitude in the group of each score, and its place there from the highest, from 1.

    Args:
        groups: ascending, below `count`, int64 [f]; equal scores of one keep their order.
    """
    sizes = np.bincount(groups, minlength=count)
    sizes = sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    best = np.maximum.reduceat(np.abs(scores), starts) if len(starts) else scores
    places = (np.arange(1, len(groups) + 1) - starts.repeat(sizes)).astype(np.float32)
    order = descending(scores)
    # Small integers are sorted by radix, which is several times faster.
    small = groups.take(order).astype(np.min_scalar_type(count))
    order = order.take(np.argsort(small, kind="stable"))
    ranks = np.empty(len(groups), np.float32)
    ranks[order] = places
    return np.maximum(best, _LEAST).repeat(sizes), ranks
