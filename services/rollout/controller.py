"""The state machine of a rollout: any leader decides the same from the same."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from services.rollout.evidence import Evidence
from services.rollout.phase import Phase
from services.rollout.spec import ALL, Spec
from services.rollout.verdict import Kind, Verdict
from services.rollout.verdicts import verdicts


@dataclass(frozen=True, slots=True)
class State:
    """A rollout at one moment.

    Attributes:
        phase: running, paused, or how it ended; one that is prepared is none of its.
        step: place of the step in the plan, from 0.
        since: when the step began, unix seconds; older evidence is of another step.
    """

    phase: Phase
    step: int
    since: float

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.phase.ended


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and by what.

    Attributes:
        kind: advance, hold or roll back.
        percent: of the users that the canary has from now on.
        reasons: why, for people; of all guards and conditions that decided.
        verdicts: of all guards, with their numbers.
    """

    kind: Kind
    percent: float
    reasons: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def begin(now: float) -> State:
    """A rollout that starts with the first step now."""
    return State(Phase.RUNNING, 0, now)


def paused(state: State) -> State:
    """It takes no further step; guards still take it back."""
    return replace(state, phase=Phase.PAUSED) if state.phase is Phase.RUNNING else state


def resumed(state: State) -> State:
    """It goes on where it was."""
    return replace(state, phase=Phase.RUNNING) if state.phase is Phase.PAUSED else state


def aborted(state: State) -> State:
    """It ends, with all users on the stable release."""
    return state if state.ended else replace(state, phase=Phase.ROLLED_BACK)


def promoted(state: State, spec: Spec, now: float) -> State:
    """The next step now, whatever guards say: the word of a person."""
    if state.ended:
        return state
    step = state.step + 1
    phase = Phase.PROMOTED if spec.steps[step].percent == ALL else Phase.RUNNING
    return State(phase, step, now)


def percent(state: State, spec: Spec) -> float:
    """Of the users, on the canary."""
    return 0.0 if state.phase is Phase.ROLLED_BACK else spec.steps[state.step].percent


def decide(
    state: State, spec: Spec, now: float, control: Evidence, canary: Evidence
) -> tuple[State, Decision]:
    """One look at the evidence.

    Args:
        state: as the look before left it.
        spec: the plan.
        now: unix seconds.
        control: evidence of the control group, in the same blocks of time as the canary's.
        canary: what was not counted since the step began is left out, of both.

    Returns:
        The state from now on, and what made it so.

    Raises:
        NobodyJudgesError: all guards that could take the canary back have failed.
    """
    if state.ended:
        return state, Decision(Kind.HOLD, percent(state, spec), (f"it is {state.phase}",))
    if not np.array_equal(control.ends, canary.ends):
        reason = "the arms were not counted at the same times"
        return state, Decision(Kind.HOLD, percent(state, spec), (reason,))
    control, canary = control.since(state.since), canary.since(state.since)
    heard = verdicts(spec, control, canary)
    lacking = _missing(state, spec, now, control, canary)
    if worse := _said(heard, Kind.ROLL_BACK):
        after, kind, reasons = aborted(state), Kind.ROLL_BACK, worse
    elif holding := (*lacking, *_said(heard, Kind.HOLD)):
        after, kind, reasons = state, Kind.HOLD, holding
    else:
        after, kind = promoted(state, spec, now), Kind.ADVANCE
        reasons = _said(heard, Kind.ADVANCE)
    return after, Decision(kind, percent(after, spec), reasons, heard)


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
        (state.phase is Phase.PAUSED, "paused"),
        (now < canary.ends.max(initial=state.since), "the clock went back"),
        (not now - state.since >= step.seconds, f"{now - state.since:.0f} s of {step.seconds:g}"),
        (not least >= step.requests, f"{least:.0f} requests in an arm of {step.requests}"),
        (both.sum() < spec.blocks, f"{both.sum()} blocks with requests of {spec.blocks}"),
        (not fresh.any(), f"no request in both arms for {spec.fresh_seconds:g} s"),
    )
    return tuple(reason for lacking, reason in lacks if lacking)
