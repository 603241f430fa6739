"""When a step ends: when it goes on, when it waits, when it goes back."""

import math

import numpy as np
import pytest

from services.rollout.controller import State, decide
from services.rollout.evidence import COUNTED, Evidence
from services.rollout.guards import GUARDS
from services.rollout.spec import parse_spec
from services.rollout.verdict import Kind
from tests.unit.rollout.arms import arm

SPEC = parse_spec(
    """
block_seconds: 1
fresh_seconds: 5
steps:
  - {percent: 10, seconds: 40, requests: 2000}
  - {percent: 50, seconds: 80, requests: 4000}
  - {percent: 100}
guards: {errors: , slow: , degraded: , clicks: }
"""
)
START = 1000.0
FIRST, PAUSED = State(0, START), State(0, START, paused=True)
BAD = 30


def look(state, now, control, canary, spec=SPEC):
    return decide(state, spec, now, control, canary)


def pair(blocks, start=START, **canary):
    return arm(blocks, start), arm(blocks, start, **canary)


def test_a_good_release_goes_to_all_users():
    assert look(FIRST, START + 40, *pair(40)).kind is Kind.ADVANCE
    second = State(1, START + 40)
    assert look(second, START + 120, *pair(80, START + 40)).kind is Kind.ADVANCE


def test_every_decision_has_the_verdicts_of_all_guards_with_their_numbers():
    decision = look(FIRST, START + 40, *pair(40))
    assert [verdict.guard for verdict in decision.verdicts] == [g.name for g in SPEC.guards]
    assert all(verdict.numbers for verdict in decision.verdicts)


def nothing(blocks, start=START):
    ends = start + 1 + np.arange(blocks)
    return Evidence.of(ends - 1, ends, np.zeros(blocks))


def quiet_end(blocks, start=START):
    """Traffic, which then stops for ten seconds."""
    on = np.arange(blocks) < blocks - 10
    return arm(
        blocks,
        start,
        requests=100 * on,
        errors=on,
        degraded=on,
        user_clicks=0.2 * on[:, None] * np.ones((1, 200)),
        user_lists=on[:, None] * np.ones((1, 200)),
    )


def without_numbers(name):
    counts = getattr(arm(40), name).copy()
    counts[-1] = math.nan
    return {name: counts}


SPARSE = arm(40, START, requests=10)
HOLDS = [
    # what hurt others, now, control, canary, what is said
    ("no traffic at all", 40, nothing(40), nothing(40), "no data"),
    ("no traffic on the canary", 40, arm(40, START), nothing(40), "0 requests in an arm"),
    ("no traffic on the control", 40, nothing(40), arm(40, START), "0 requests in an arm"),
    ("no evidence at all", 40, arm(0), arm(0), "no request in both arms"),
    ("traffic has stopped", 50, quiet_end(50), quiet_end(50), "no request in both arms for 5 s"),
    ("only the canary's stopped", 50, arm(50, START), quiet_end(50), "no request in both arms"),
    ("reports have stopped", 50, *pair(40), "no request in both arms for 5 s"),
    ("too early", 39, *pair(39), "39 s of 40"),
    ("all in a few blocks", 40, *pair(8, START + 32, requests=300), "8 blocks with requests"),
    ("too few requests", 40, SPARSE, SPARSE, "400 requests in an arm of 2000"),
    ("requests not a number", 40, *pair(40, **without_numbers("requests")), "nan requests"),
    ("errors not a number", 40, *pair(40, **without_numbers("errors")), "errors: no data, or not"),
    ("latency not a number", 40, *pair(40, **without_numbers("latency")), "slow: no data, or not"),
    ("clicks not a number", 40, *pair(40, **without_numbers("user_clicks")), "clicks: no data, or"),
    ("nobody counts clicks", 40, *pair(40, user_clicks=0, user_lists=0), "clicks: no data"),
    ("the clock went back", -5, *pair(40), "the clock went back"),
    ("evidence of the step before", 40, *pair(40, START - 40), "no request in both arms"),
    ("arms counted at other times", 40, arm(40, START), arm(40, START + 1), "at the same times"),
    ("arms counted for other lengths", 40, arm(40, START), arm(39, START), "at the same times"),
]


@pytest.mark.parametrize("case", HOLDS, ids=lambda case: case[0])
def test_what_is_not_known_to_be_good_waits(case):
    _, seconds, control, canary, said = case
    decision = look(FIRST, START + seconds, control, canary)
    assert decision.kind is Kind.HOLD
    assert any(said in reason for reason in decision.reasons), decision.reasons


def test_it_waits_however_long():
    assert look(FIRST, START + 10**7, *pair(40)).kind is Kind.HOLD


@pytest.mark.parametrize(
    ("why", "now", "state", "canary"),
    [
        ("too early to advance", 25, FIRST, {"errors": BAD}),
        ("paused", 60, PAUSED, {"errors": BAD}),
        ("too few requests", 25, FIRST, {"requests": 10, "errors": 9}),
        ("another guard has no data", 40, FIRST, {"errors": BAD, "user_lists": 0}),
        ("another guard sees nan", 40, FIRST, {"errors": BAD, "latency": math.nan}),
        ("traffic has stopped since", 90, FIRST, {"errors": BAD}),
    ],
)
def test_it_goes_back_while_it_waits(why, now, state, canary):
    control, canary = pair(
        25, **{k: np.broadcast_to(v, getattr(arm(25), k).shape) for k, v in canary.items()}
    )
    decision = look(state, START + now, control, canary)
    assert decision.kind is Kind.ROLL_BACK, why
    assert decision.reasons[0].startswith("errors: worse")


def test_errors_of_the_step_before_are_not_held_against_the_next():
    control, canary = pair(120, errors=np.where(np.arange(120) < 40, BAD, 1))
    decision = look(State(1, START + 40), START + 120, control, canary)
    assert decision.kind is Kind.ADVANCE


def test_paused_it_takes_no_step_and_resumed_it_goes_on():
    assert look(PAUSED, START + 40, *pair(40)).reasons == ("paused",)
    assert look(FIRST, START + 40, *pair(40)).kind is Kind.ADVANCE


def test_the_same_look_has_the_same_decision():
    first = look(FIRST, START + 40, *pair(40, errors=2))
    assert look(FIRST, START + 40, *pair(40, errors=2)) == first


ALL_GUARDS = parse_spec(
    "block_seconds: 1\nfresh_seconds: 5\n"
    "steps: [{percent: 10, seconds: 40, requests: 2000}, {percent: 100}]\n"
    "guards: {" + ", ".join(f"{guard.name}: " for guard in GUARDS) + "}"
)
DENOMINATORS = ("requests", "latency", "scores", "pairs", "measured", "user_lists")


def test_all_guards_are_content_with_an_identical_canary():
    decision = look(FIRST, START + 40, *pair(40), ALL_GUARDS)
    assert decision.kind is Kind.ADVANCE, decision.reasons


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("blocks", [slice(0, 1), slice(-1, None), slice(None)])
def test_no_step_is_left_on_what_is_not_a_number(name, blocks):
    counts = getattr(arm(40), name).copy()
    counts[blocks] = math.nan
    odd = arm(40, START, **{name: counts})
    both = [(arm(40, START), odd), (odd, odd)]
    if name not in ("compared", "overlap"):
        both.append((odd, arm(40, START)))
    for control, canary in both:
        decision = look(FIRST, START + 40, control, canary, ALL_GUARDS)
        assert decision.kind is not Kind.ADVANCE, decision


@pytest.mark.parametrize("name", DENOMINATORS)
def test_no_step_is_left_when_something_is_not_counted(name):
    nothing_of_it = arm(40, START, **{name: 0})
    for control, canary in (
        (arm(40, START), nothing_of_it),
        (nothing_of_it, arm(40, START)),
        (nothing_of_it, nothing_of_it),
    ):
        decision = look(FIRST, START + 40, control, canary, ALL_GUARDS)
        assert decision.kind is Kind.HOLD, decision
