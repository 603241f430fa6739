"""What recall said of a candidate and what happened to it lately: features of prerank and rank."""

from collections.abc import Sequence

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates, descending
from services.domain.live import STATISTICS

PER_CHANNEL = 3


def feature_count(channel_count: int) -> int:
    """Number of columns of `recall_features` with C channels: 3 C + S."""
    return PER_CHANNEL * channel_count + len(STATISTICS)


def recall_features(lists: Sequence[Candidates], channel_count: int) -> F32:
    """Features of all candidates of all queries, float32 [N, 3 C + S].

    By channel: the score, the score by the query's best one, and 1 / (1 + rank in the channel);
    all 0 where the channel did not recall the item. After them the item's statistics.
    """
    parts = [_of_query(candidates) for candidates in lists if len(candidates)]
    if not parts:
        return np.empty((0, feature_count(channel_count)), np.float32)
    return np.concatenate(parts)


def owners(lists: Sequence[Candidates]) -> I64:
    """The query each candidate belongs to, int64 [N]."""
    return np.repeat(np.arange(len(lists)), [len(candidates) for candidates in lists])


def _of_query(candidates: Candidates) -> F32:
    count, channels = candidates.recall_scores.shape
    scores = np.ascontiguousarray(candidates.recall_scores.T)  # [C, n]: rows are sorted fastest
    bits = np.arange(channels, dtype=np.uint32)[:, None]
    recalled = (candidates.channels >> bits) & np.uint32(1) == 1
    order = descending(np.where(recalled, scores, np.float32(-np.inf)))
    shares = np.empty((channels, count), np.float32)
    np.put_along_axis(shares, order, 1.0 / np.arange(1, count + 1, dtype=np.float32)[None], axis=1)
    scores = np.where(recalled, scores, np.float32(0))
    best = np.maximum(np.abs(scores).max(axis=1, keepdims=True), np.float32(1e-6))
    features = np.empty((count, feature_count(channels)), np.float32)
    grid = features[:, : PER_CHANNEL * channels].reshape(count, channels, PER_CHANNEL)
    for column, values in enumerate((scores, scores / best, shares * recalled)):
        grid[:, :, column] = values.T
    features[:, PER_CHANNEL * channels :] = candidates.all_statistics()
    return features
