"""What all guards have in common: parameters of their own, and how evidence becomes a verdict."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from services.domain.arrays import I64, Bools
from services.rollout.evidence import F64, Evidence
from services.rollout.sequential import part
from services.rollout.verdict import Kind, Verdict

SUSPECT = math.log(20)
"""Evidence from here on holds a step: it is watched for longer before more users see it."""

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]
Effect = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Samples = Annotated[int, Field(ge=1, le=10**9)]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a guard has seen, after each block of the step: all [..., T].

    Attributes:
        canary: its value, from the beginning of the step; NaN without data.
        control: the same of the control.
        evidence: logarithm of the evidence (e-value) that the canary is worse than allowed.
        worse: whether the canary's value is worse by as much as matters.
        ready: whether there is enough data to call the canary good.
        part: of several things the guard looks at, the one the values are of: place in its parts.
    """

    canary: F64
    control: F64
    evidence: F64
    worse: Bools
    ready: Bools
    part: I64 | None = None

    def crossed(self, threshold: float) -> Bools:
        """Whether the canary was to be taken back after a block or before: [..., T]."""
        return np.logical_or.accumulate(self.worse & (self.evidence >= threshold), axis=-1)

    def suspect(self) -> Bools:
        """Whether the step must not end well after a block: [..., T]."""
        return self.worse & (self.evidence >= SUSPECT)


class Guard(BaseModel, ABC):
    """A condition a canary has to keep; its fields are the parameters of the YAML.

    Attributes:
        name: in the YAML and in verdicts.
        judges: whether it can roll back; else it only holds.
        shadowed: whether it looks at lists of the canary's shadow: without one it has no data.
        unit: what samples are.
        parts: names of what it looks at, when there are several.
        samples: before there are so many in each arm, it does not call a canary good.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    judges: ClassVar[bool] = True
    shadowed: ClassVar[bool] = False
    unit: ClassVar[str] = "requests"
    parts: ClassVar[tuple[str, ...]] = ()

    samples: Samples = 100

    @abstractmethod
    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        """What the evidence says, after each block."""

    @abstractmethod
    def explain(self) -> str:
        """What it does, with its parameters, in a line for people."""

    def check(self, control: Evidence, canary: Evidence, alpha: float) -> Verdict:
        """The verdict on a step so far.

        Args:
            control: evidence of stable users, in the same blocks.
            canary: evidence of the canary's.
            alpha: chance of taking back a canary that is as good as the control, over the step.
        """
        if not len(canary.ends):
            return Verdict(Kind.HOLD, self.name, "no data")
        found = self.measure(control, canary)
        alpha = part(alpha, canary.coarsened)
        threshold = -math.log(alpha)
        numbers = {
            "canary": float(found.canary[-1]),
            "control": float(found.control[-1]),
            "evidence": float(np.exp(min(found.evidence.max(), 700.0))),
            "threshold": 1 / alpha,
        }
        values = f"canary {numbers['canary']:.4g}, control {numbers['control']:.4g}"
        if found.part is not None:
            values = f"{self.parts[found.part[-1]]}: {values}"
        if not all(map(math.isfinite, numbers.values())):
            known = {name: value for name, value in numbers.items() if math.isfinite(value)}
            return Verdict(Kind.HOLD, self.name, f"no data, or not a number: {values}", known)
        if found.crossed(threshold)[-1]:
            return Verdict(Kind.ROLL_BACK, self.name, f"worse: {values}", numbers)
        if not found.ready[-1]:
            return Verdict(Kind.HOLD, self.name, f"too little data: {values}", numbers)
        if found.suspect()[-1]:
            return Verdict(Kind.HOLD, self.name, f"may be worse: {values}", numbers)
        return Verdict(Kind.ADVANCE, self.name, f"not known to be worse: {values}", numbers)
