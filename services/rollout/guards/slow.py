"""Requests slower than the control's 95th percentile."""

from typing import ClassVar

import numpy as np

from services.rollout.evidence import F64, Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Ratio, Share

TAIL = 0.05


class Slow(Guard):
    """More of the canary's requests are slower than 95 % of the control's were in blocks before.

    Attributes:
        ratio: so many times the control's share is allowed.
        least: a difference of shares below it is let pass.
        samples: requests each arm must have had before the guard lets a step end well.
    """

    name: ClassVar[str] = "slow"

    ratio: Ratio = 1.25
    least: Share = 0.01

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        bound = tail_bucket(control.latency)
        return more_often(
            above(canary.latency, bound),
            above(control.latency, bound),
            self.ratio,
            self.least,
            self.samples,
        )

    def explain(self) -> str:
        return (
            f"slow: the share of requests slower than the control's P95 is above {self.ratio:g} "
            f"times the control's, and at least {self.least:.4g} more"
        )


def tail_bucket(latency: F64) -> F64:
    """The bucket that holds the 95th percentile of all blocks before each: [..., T].

    The bound of a block is known when it begins, or its difference would not be fair. The last
    bucket, above which there is nothing, in front of the first request.
    """
    before = np.cumsum(latency, axis=-2) - latency
    below = np.cumsum(before, axis=-1)
    total = below[..., -1:]
    bucket = (below < (1 - TAIL) * total).sum(axis=-1)
    return np.asarray(np.where(total[..., 0] > 0, bucket, latency.shape[-1] - 1), np.float64)


def above(latency: F64, bound: F64) -> tuple[F64, F64]:
    """Requests in buckets above the bound of their block, and all that can be told: [..., T].

    Blocks without a bound do not count.
    """
    buckets = np.arange(latency.shape[-1])
    known = bound < latency.shape[-1] - 1
    slow = np.where(buckets > bound[..., None], latency, 0.0).sum(axis=-1)
    return slow * known, latency.sum(axis=-1) * known
