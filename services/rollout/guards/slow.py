"""Requests, and calls of single stages, that are slower than the control's."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from services.domain.arrays import I64
from services.rollout.evidence import F64, LATENCIES, STAGES, Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Ratio, Share
from services.rollout.guards.quantiles import NONE, quantiles_before, up_to, used
from services.rollout.sequential import mean

MIDDLE, TAIL = 0.5, 0.95
PARTS = (
    "requests above the control's P95",
    *(f"{stage} above the control's P{share}" for stage in STAGES for share in (50, 95)),
)


class Slow(Guard):
    """The canary's requests, or the calls of one of its stages, take longer.

    Whole requests: the share above the bound that 95 % of the control's kept in the blocks before.
    The stages that answer from a release: the same of their calls, and the share above the
    control's median, which moves when all calls become slower and incidents hide the tail. The
    evidence is the mean over all of these, which is an e-value too; a stage that nobody counts
    adds 1 to it. So one slow stage is found although it is a small part of the whole.

    Attributes:
        ratio: so many times the control's share is allowed.
        least: a difference of shares below it is let pass.
        samples: requests each arm must have had before the guard lets a step end well.
    """

    name: ClassVar[str] = "slow"
    parts: ClassVar[tuple[str, ...]] = PARTS

    ratio: Ratio = 1.25
    least: Share = 0.01

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        found = []
        for name in LATENCIES:
            shares = (TAIL,) if name == LATENCIES[0] else (MIDDLE, TAIL)
            found += self._slower(getattr(canary, name), getattr(control, name), shares)
        return _strongest(found)

    def _slower(self, canary: F64, control: F64, shares: tuple[float, ...]) -> list[Measure]:
        there = used(canary, control)
        canary, control = canary[..., there], control[..., there]
        bounds = quantiles_before(control, shares)
        return [
            more_often(
                _above(canary, below, bound),
                _above(control, usual, bound),
                self.ratio,
                self.least,
                self.samples,
            )
            for bound, below, usual in zip(
                bounds, up_to(canary, bounds), up_to(control, bounds), strict=True
            )
        ]

    def explain(self) -> str:
        return (
            f"slow: the share of requests above the control's P95, or of the calls of "
            f"{', '.join(STAGES[:-1])} or {STAGES[-1]} above its P95 or its P50, is above "
            f"{self.ratio:g} times the control's, and at least {self.least:.4g} more"
        )


def _above(counts: F64, below: F64, bound: I64) -> tuple[F64, F64]:
    """Those above the bound of their block, and all; blocks without a bound do not count."""
    known, total = bound > NONE, counts.sum(axis=-1)
    return (total - below) * known, total * known


def _strongest(parts: list[Measure]) -> Measure:
    """All parts as one: the mean of their e-values, and the values of the one that says most."""
    each = np.stack([part.evidence for part in parts])
    counted = [np.isfinite(part.canary) & np.isfinite(part.control) for part in parts]
    strongest = np.where(np.stack(counted), each, -np.inf).argmax(axis=0)

    def of_it(values: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.asarray(np.take_along_axis(np.stack(values), strongest[None], axis=0)[0])

    return Measure(
        of_it([part.canary for part in parts]),
        of_it([part.control for part in parts]),
        mean(each, axis=0),
        of_it([part.worse for part in parts]),
        parts[0].ready,
        strongest,
    )
