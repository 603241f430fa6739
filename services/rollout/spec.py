"""The plan of a rollout: steps and guards, as an operator writes them in YAML."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from services.chassis.unique_keys import UniqueKeys
from services.rollout.guards import GUARDS
from services.rollout.guards.guard import Guard
from services.rollout.sequential import blocks_at_least

HALF, ALL = 50, 100

Percent = Annotated[float, Field(gt=0, le=ALL, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)]


class SpecError(ValueError):
    """A plan that cannot be followed; the message names each field and what is wrong with it.

    Attributes:
        problems: the message, problem by problem.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Step(BaseModel):
    """A part of the users, for a while.

    Attributes:
        percent: of the users on the canary; as many are the control. So at most 50, or 100: the
            last step, which has no control any more and makes the canary the stable release.
        seconds: how long at least.
        requests: how many each arm must have had.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Percent
    seconds: Annotated[float, Field(ge=0, le=30 * 86400, allow_inf_nan=False)] = 0.0
    requests: Annotated[int, Field(ge=0, le=10**12)] = 0

    @model_validator(mode="after")
    def _judged(self) -> "Step":
        if HALF < self.percent < ALL:
            raise ValueError(f"percent {self.percent:g}: above {HALF} only {ALL} has a meaning")
        if self.percent < ALL and not (self.seconds and self.requests):
            raise ValueError("seconds and requests: both must be above 0")
        if self.percent == ALL and (self.seconds or self.requests):
            raise ValueError("seconds and requests: nothing is compared at 100 percent")
        return self


class Spec(BaseModel):
    """The plan of a rollout.

    Attributes:
        steps: growing, the last one is 100 percent.
        guards: what the canary must keep, in every step.
        false_rollbacks: chance that a canary as good as stable is taken back, all steps and
            guards together.
        block_seconds: requests so near in time count as one observation: longer than most bursts.
        fresh_seconds: a step ends well only with requests in both arms that are not older.
        shadow_percent: of stable's requests that the canary is asked beside it, for overlap.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=20)]
    guards: Annotated[tuple[Guard, ...], Field(min_length=1)]
    false_rollbacks: Annotated[float, Field(ge=1e-6, le=0.1)] = 0.01
    block_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 5.0
    fresh_seconds: Seconds = 30.0
    shadow_percent: Annotated[float, Field(ge=0, le=ALL, allow_inf_nan=False)] = 5.0

    @field_validator("steps")
    @classmethod
    def _grow(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        percents = [step.percent for step in steps]
        for before, after in pairwise(percents):
            if after <= before:
                raise ValueError(f"{after:g} percent after {before:g}: each must be above the last")
        if percents[-1] != ALL:
            raise ValueError(f"the last must be {ALL} percent, it is {percents[-1]:g}")
        return steps

    @model_validator(mode="after")
    def _time_enough(self) -> "Spec":
        if self.fresh_seconds < 2 * self.block_seconds:
            raise ValueError(f"fresh_seconds: at least two blocks ({2 * self.block_seconds:g})")
        if not any(guard.judges for guard in self.guards):
            raise ValueError("guards: none of them can roll back")
        least = self.blocks * self.block_seconds
        for place, step in enumerate(self.steps[:-1]):
            if step.seconds < least:
                raise ValueError(
                    f"steps.{place}.seconds: {step.seconds:g}, but guards need {self.blocks} "
                    f"blocks of {self.block_seconds:g} s to find anything, {least:g} s"
                )
        return self

    @model_validator(mode="after")
    def _compared(self) -> "Spec":
        for guard in self.guards:
            if guard.shadowed and not self.shadow_percent:
                raise ValueError(
                    f"guards.{guard.name}: shadow_percent is 0, so no list is ever compared and it "
                    "would hold for ever; leave it out, or give shadow_percent"
                )
        return self

    @property
    def alpha(self) -> float:
        """What one guard may spend in one step."""
        judges = sum(guard.judges for guard in self.guards)
        return self.false_rollbacks / (judges * (len(self.steps) - 1))

    @property
    def blocks(self) -> int:
        """Blocks with requests in both arms that a step needs: with fewer no fault is found."""
        return blocks_at_least(-math.log(self.alpha))


def read_spec(path: Path) -> Spec:
    """The plan in a file.

    Raises:
        SpecError: it cannot be read, or is not a plan.
    """
    try:
        return parse_spec(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}") from error
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error


def parse_spec(text: str) -> Spec:
    """The plan in a YAML document.

    Raises:
        SpecError: it is not YAML, has a key twice, or is not a plan.
    """
    try:
        raw = yaml.load(text, UniqueKeys)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # 2026-13-45, [[[[...
        raise SpecError(f"not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise SpecError("keys and values expected, such as 'steps: [...]'")
    problems: list[str] = []
    guards = _guards(raw.get("guards"), problems)
    try:
        spec = Spec.model_validate({**raw, "guards": guards})
    except ValidationError as error:
        raise SpecError(*problems, *_said(error)) from error
    if problems:
        raise SpecError(*problems)
    return spec


def _guards(raw: Any, problems: list[str]) -> tuple[Guard, ...]:
    """The guards named, in the order of GUARDS; adds what is wrong to the problems."""
    if not isinstance(raw, Mapping) or not raw:
        problems.append("guards: names and parameters expected, such as 'errors: {ratio: 1.2}'")
        return ()
    kinds = {kind.name: kind for kind in GUARDS}
    for name in raw:
        if name not in kinds:
            problems.append(f"guards.{name}: no such guard; there are {', '.join(kinds)}")
    found = []
    for name, kind in kinds.items():
        if name in raw:
            try:
                found.append(kind.model_validate({} if raw[name] is None else raw[name]))
            except ValidationError as error:
                problems += _said(error, f"guards.{name}")
    return tuple(found)


def _said(error: ValidationError, *within: str) -> Iterable[str]:
    """What is wrong, field by field; not of all guards, which were read one by one before."""
    found = error.errors()
    within_lists = {problem["loc"][:1] for problem in found if len(problem["loc"]) > 1}
    for problem in found:
        # What is wrong within a list leaves it too short.
        shortened = problem["type"] == "too_short" and problem["loc"] in within_lists
        if problem["loc"] != ("guards",) and not shortened:
            place = ".".join(map(str, (*within, *problem["loc"])))
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{place}: {message}" if place else message
