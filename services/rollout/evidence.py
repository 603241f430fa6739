"""What an arm did in a step: counts in blocks of time, which add up over gateways."""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Bools

F64: TypeAlias = npt.NDArray[np.float64]


class EvidenceError(ValueError):
    """Arrays that cannot be the evidence of one step; the message names the field."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One arm since the step began, float64, in T blocks of time, oldest first.

    All arrays may have the same further axes in front: many rollouts at once. A field that nobody
    counts is zeros, which is no data, not a good sign.

    Attributes:
        starts: when the blocks begin, unix seconds, [T].
        ends: when they end, [T].
        requests: lists asked for, [T].
        errors: requests that failed, [T].
        degraded: answers with a stage left out, [T].
        short: answers with fewer items than asked for, empty ones among them, [T].
        latency: requests by bucket of latency, [T, buckets].
        latency_recall: calls of this stage by bucket of latency, [T, buckets].
        latency_prerank: the same, of this stage.
        latency_rank: the same, of this stage.
        latency_rerank: the same, of this stage.
        scores: items shown by bucket of blended score, the last bucket also for what is not a
            number, [T, buckets].
        pairs: ordered pairs of items shown within the block: of n items n (n - 1), [T].
        same: those that are one item: the sum of n (n - 1) over items, [T].
        measured: lists whose diversity was measured, [T].
        diversity: sum over these of the intra-list diversity, [T].
        compared: requests whose list was compared with stable's, [T].
        overlap: sum over these of the share of items in both lists, [T].
        user_lists: lists by user, or by group of users of equal hash, [T, units].
        user_clicks: clicks, of which a list may have several, by the same units, [T, units].
        user_conversions: conversions such as purchases, by the same units, [T, units].
        coarsened: how often it was made coarser: all of it was weighed anew each time.
    """

    starts: F64
    ends: F64
    requests: F64
    errors: F64
    degraded: F64
    short: F64
    latency: F64
    latency_recall: F64
    latency_prerank: F64
    latency_rank: F64
    latency_rerank: F64
    scores: F64
    pairs: F64
    same: F64
    measured: F64
    diversity: F64
    compared: F64
    overlap: F64
    user_lists: F64
    user_clicks: F64
    user_conversions: F64
    coarsened: int

    @classmethod
    def of(
        cls,
        starts: npt.ArrayLike,
        ends: npt.ArrayLike,
        requests: npt.ArrayLike,
        **counts: npt.ArrayLike,
    ) -> "Evidence":
        """Evidence of what was counted; zeros for the rest.

        Raises:
            EvidenceError: an unknown field, blocks not in the order of time, a count below zero
                or infinite, or an array that has not one entry a block. NaN is a count that is
                not known: guards hold.
        """
        times = {"starts": np.asarray(starts, float), "ends": np.asarray(ends, float)}
        _check_times(**times)
        given = {"requests": requests, **counts}
        arrays = {name: np.asarray(value, float) for name, value in given.items()}
        front = arrays["requests"].shape[:-1]
        shape = (*front, len(times["ends"]))
        for name in sorted(arrays.keys() - set(COUNTED)):
            raise EvidenceError(f"{name}: no such count")
        for name in COUNTED:
            array = arrays.setdefault(name, np.zeros((*shape, 1) if name in WIDE else shape))
            _check_counts(name, array, shape)
        return cls(**times, **arrays, coarsened=0)

    def since(self, moment: float) -> "Evidence":
        """The blocks that began at that time or later."""
        kept = self.starts >= moment - 1e-6
        if kept.all():
            return self
        names = (*TIMES, *COUNTED)
        arrays = {name: _blocks(name, getattr(self, name), kept) for name in names}
        return Evidence(**arrays, coarsened=self.coarsened)

    def coarser(self) -> "Evidence":
        """Each two blocks as one, from the first on; one that is left over stays.

        For steps that wait long. All of it is weighed anew then, which `coarsened` counts.
        """
        if len(self.ends) < 2:
            return self
        first = np.arange(0, len(self.ends), 2)
        last = np.minimum(first + 1, len(self.ends) - 1)
        counts = {
            name: np.add.reduceat(getattr(self, name), first, axis=-2 if name in WIDE else -1)
            for name in COUNTED
        }
        return Evidence(
            starts=self.starts[first],
            ends=self.ends[last],
            **counts,
            coarsened=self.coarsened + 1,
        )


STAGES = ("recall", "prerank", "rank", "rerank")
"""Those that answer from a release, in the order a request passes them."""

LATENCIES = ("latency", *(f"latency_{stage}" for stage in STAGES))

WIDE = (*LATENCIES, "scores", "user_lists", "user_clicks", "user_conversions")
"""Fields with an axis of their own after the blocks."""

TIMES = ("starts", "ends")

COUNTED = tuple(f.name for f in fields(Evidence) if f.name not in (*TIMES, "coarsened"))
"""Fields that are counts, of each block."""


def _blocks(name: str, array: F64, kept: Bools) -> F64:
    return array[..., kept, :] if name in WIDE else array[..., kept]


def _check_times(starts: F64, ends: F64) -> None:
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise EvidenceError("starts, ends: one number a block expected")
    if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
        raise EvidenceError("starts, ends: not a number")
    if (ends <= starts).any() or (starts[1:] < ends[:-1] - 1e-6).any():
        raise EvidenceError("starts, ends: blocks must follow one another")


def _check_counts(name: str, array: F64, shape: tuple[int, ...]) -> None:
    found = array.shape[:-1] if name in WIDE else array.shape
    if found != shape:
        raise EvidenceError(f"{name}: {shape} expected before any buckets, {found} found")
    if (array < 0).any() or np.isinf(array).any():
        raise EvidenceError(f"{name}: below zero, or infinite")
