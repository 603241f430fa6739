"""Quantiles of histograms that grow block by block."""

from collections.abc import Iterable

import numpy as np

from services.domain.arrays import I64
from services.rollout.evidence import F64

NONE = -1
"""The bucket of a quantile of nothing."""


def quantiles_before(counts: F64, shares: Iterable[float]) -> list[I64]:
    """The bucket of each quantile over all blocks before each: [..., T]; NONE where there are none.

    What a block is compared with is known when it begins, or its difference would not be fair.

    Args:
        counts: by block and bucket, [..., T, buckets].
        shares: which quantiles, from 0 to 1.
    """
    below = np.cumsum(np.cumsum(counts, axis=-2) - counts, axis=-1)
    total = below[..., -1]
    found = []
    for share in shares:
        bucket = (below < share * total[..., None]).sum(axis=-1)
        found.append(np.where(total > 0, bucket, NONE))  # what is not a number is none
    return found


def up_to(counts: F64, buckets: Iterable[I64]) -> list[F64]:
    """How many of each block are in these buckets and those below, [..., T] each; 0 for NONE."""
    below = np.cumsum(counts, axis=-1)
    found = []
    for bucket in buckets:
        there = np.clip(bucket, 0, counts.shape[-1] - 1)[..., None]
        taken = np.take_along_axis(below, there, axis=-1)[..., 0]
        found.append(np.where(bucket > NONE, taken, 0.0))
    return found


def used(*histograms: F64) -> slice:
    """The buckets from the first to the last in which anything is, of any; all, if not alike."""
    if len({histogram.shape[-1] for histogram in histograms}) > 1:
        return slice(None)
    some = [histogram.any(axis=tuple(range(histogram.ndim - 1))) for histogram in histograms]
    places = np.concatenate([np.flatnonzero(any_of) for any_of in some])
    return slice(int(places.min()), int(places.max()) + 1) if len(places) else slice(0, 1)
