"""What a demonstrated rollout is told to have been."""

import math
from dataclasses import replace

import pytest

from loadtest.canary.crowd import Asked
from loadtest.canary.outcome import Decided, Outcome, outcome

BACK = Decided("bad", "rolled back", "slow: worse", ("slow",), 100.0, 130.0, ((10.0, 30.0),))


def asked(at: float, user: str, release: str = "good", gateway: int = 0) -> Asked:
    return Asked(at, 0.01, gateway, user, release, length=10)


def failed(at: float, user: str) -> Asked:
    return Asked(at, 0.5, 0, user, error="ServerFailedError")


def of(*lists: Asked, decided: Decided = BACK) -> Outcome:
    return outcome("slow", "rolled back", decided, lists, gateways=2)


def test_it_counts_who_was_exposed() -> None:
    found = of(
        asked(101, "a", "bad"), asked(102, "a", "bad"), asked(103, "b", "bad"), asked(104, "c")
    )
    assert (found.requests, found.people, found.lists) == (3, 2, 4)
    assert found.seconds == 30.0
    assert found.p95 == pytest.approx(10.0)
    assert found.problems == ()


def test_the_last_answer_of_a_gateway_after_the_rollback_counts() -> None:
    lists = [
        asked(129.9, "a", "bad", gateway=1),  # asked for before
        asked(130.25, "b", "bad", gateway=0),
        asked(130.5, "c", "bad", gateway=0),
        asked(133.0, "d", gateway=0),
    ]
    assert of(*lists).late == (0.5, 0.0)
    assert of(*lists).problems == ()
    late = of(*lists, asked(131.5, "e", "bad", gateway=1))
    assert late.problems == ("canary answers 1.50 s after the rollback",)


def test_one_that_was_promoted_serves_on() -> None:
    decided = replace(BACK, phase="promoted", guards=())
    found = outcome("good", "promoted", decided, [asked(140, "a", "bad")], gateways=2)
    assert found.late == ()
    assert found.problems == ()


def test_errors_are_stables_unless_the_list_before_was_the_canarys() -> None:
    lists = [
        asked(101, "a", "bad"),
        asked(101, "b"),
        failed(102, "a"),
        failed(102, "b"),
        failed(102, "nobody knows"),
    ]
    found = of(*lists)
    assert (found.errors, found.canary_errors) == (2, 1)
    assert found.problems == ("2 errors of people on stable (ServerFailedError)",)


def test_another_end_a_step_without_data_and_silence_are_problems() -> None:
    decided = replace(BACK, phase="promoted", undue=("step 0 left after 0 of 100 requests",))
    assert of(decided=decided).problems == (
        "promoted: slow: worse",
        "nobody asked for a list",
        "step 0 left after 0 of 100 requests",
    )
    assert math.isnan(of().p95)
