"""How a rollout went, read from its audit log."""

from dataclasses import replace

from loadtest.canary.follow import decided
from services.domain.traffic import Policy
from services.rollout.phase import Phase
from services.rollout.record import Entry, Kind, Record
from services.rollout.verdict import Kind as Decision
from services.rollout.verdict import Verdict

SPEC = """
steps:
  - {percent: 10, seconds: 60, requests: 100}
  - {percent: 50, seconds: 60, requests: 1000}
  - {percent: 100}
guards: {errors: {}}
block_seconds: 1
"""
RECORD = Record(
    version=7,
    at=170.0,
    rollout="r1",
    release="bad",
    stable="good",
    spec=SPEC,
    phase=Phase.ROLLED_BACK,
    step=1,
    since=120.0,
    why="errors: worse",
    by="somebody",
    started_at=90.0,
    ended_at=170.0,
    policy=Policy(7, "good"),
)
GOOD = Verdict(Decision.ADVANCE, "errors", "not worse")
ARMS = {"control": {"requests": 120.0}, "canary": {"requests": 101.0}}
STARTED = Entry(Kind.STARTED, 90.0, "r1", "somebody")
PREPARED = Entry(Kind.PREPARED, 100.0, "r1", "leader", step=0, percent=10.0)
ADVANCED = Entry(
    Kind.ADVANCE, 120.0, "r1", "leader", step=1, percent=50.0, verdicts=(GOOD,), arms=ARMS
)
WORSE = Verdict(Decision.ROLL_BACK, "errors", "worse")
BACK = Entry(Kind.ROLL_BACK, 170.0, "r1", "leader", step=1, verdicts=(WORSE,), arms=ARMS)


def test_steps_end_and_guards_are_read() -> None:
    found = decided(RECORD, [BACK, ADVANCED, PREPARED, STARTED])  # newest first
    assert (found.release, found.phase, found.guards) == ("bad", "rolled back", ("errors",))
    assert (found.began, found.ended) == (100.0, 170.0)
    assert found.steps == ((10.0, 20.0), (50.0, 50.0))
    assert found.undue == ()


def test_one_that_was_refused_had_no_step() -> None:
    refused = replace(BACK, kind=Kind.REFUSED, verdicts=())
    found = decided(replace(RECORD, phase=Phase.REFUSED), [STARTED, refused])
    assert (found.began, found.steps, found.guards) == (0.0, (), ())


def test_a_step_that_was_left_without_data_is_told() -> None:
    few = {**ARMS, "canary": {"requests": 99.0}}
    found = decided(RECORD, [PREPARED, replace(ADVANCED, arms=few), BACK])
    assert found.undue == ("step 0 left after 99 of 100 requests",)
    unjudged = decided(RECORD, [PREPARED, replace(ADVANCED, verdicts=()), BACK])
    assert unjudged.undue == ("step 0 left after 101 of 100 requests, no verdicts",)
    assert decided(RECORD, [PREPARED, replace(ADVANCED, arms={}), BACK]).undue
