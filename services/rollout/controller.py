"""Whether a step ends, and how: any leader decides the same from the same."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.rollout.evidence import Evidence
from services.rollout.spec import Spec
from services.rollout.verdict import Kind, Verdict
from services.rollout.verdicts import verdicts


@dataclass(frozen=True, slots=True)
class State:
    """A step that runs, at one moment.

    Attributes:
        step: its place in the plan, from 0.
        since: when it began, unix seconds; older evidence is of another step.
        paused: whether no further step is taken, by the word of a person.
    """

    step: int
    since: float
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and by what.

    Attributes:
        kind: advance, which is to the next step of the plan; hold; or roll back.
        reasons: why, for people; of all guards and conditions that decided.
        verdicts: of all guards, with their numbers.
    """

    kind: Kind
    reasons: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def decide(state: State, spec: Spec, now: float, control: Evidence, canary: Evidence) -> Decision:
    """One look at the evidence.

    Args:
        state: the step that runs.
        spec: the plan.
        now: unix seconds.
        control: evidence of the control group, in the same blocks of time as the canary's.
        canary: what was not counted since the step began is left out, of both.

    Raises:
        NobodyJudgesError: all guards that could take the canary back have failed.
    """
    if not np.array_equal(control.ends, canary.ends):
        return Decision(Kind.HOLD, ("the arms were not counted at the same times",))
    control, canary = control.since(state.since), canary.since(state.since)
    heard = verdicts(spec, control, canary)
    if worse := _said(heard, Kind.ROLL_BACK):
        return Decision(Kind.ROLL_BACK, worse, heard)
    lacking = _missing(state, spec, now, control, canary)
    if holding := (*lacking, *_said(heard, Kind.HOLD)):
        return Decision(Kind.HOLD, holding, heard)
    return Decision(Kind.ADVANCE, _said(heard, Kind.ADVANCE), heard)


def _said(verdicts: Iterable[Verdict], kind: Kind) -> tuple[str, ...]:
    return tuple(f"{v.guard}: {v.reason}" for v in verdicts if v.kind is kind)


def _missing(
    state: State, spec: Spec, now: float, control: Evidence, canary: Evidence
) -> tuple[str, ...]:
    """What the step still lacks, whatever the guards say."""
    step = spec.steps[state.step]
    fewest = np.minimum(control.requests, canary.requests)
    both = fewest > 0  # false for what is not a number
    fresh = both & (canary.ends >= now - spec.fresh_seconds)
    least = np.minimum(control.requests.sum(), canary.requests.sum())  # keeps what is no number
    lacks = (
        (state.paused, "paused"),
        (now < canary.ends.max(initial=state.since), "the clock went back"),
        (not now - state.since >= step.seconds, f"{now - state.since:.0f} s of {step.seconds:g}"),
        (not least >= step.requests, f"{least:.0f} requests in an arm of {step.requests}"),
        (both.sum() < spec.blocks, f"{both.sum()} blocks with requests of {spec.blocks}"),
        (not fresh.any(), f"no request in both arms for {spec.fresh_seconds:g} s"),
    )
    return tuple(reason for lacking, reason in lacks if lacking)
