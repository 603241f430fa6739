"""Splitting a request's time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.budget import FLOW, WEIGHTS, Budget, parts, request_seconds
from tests.unit.gateway.clock import Clock


def test_shares_are_by_weight_of_what_is_left() -> None:
    clock = Clock()
    budget = Budget(1.5, parts(WEIGHTS), clock)
    assert budget.share("feature_store") == pytest.approx(0.3)
    clock.move(0.3)
    assert budget.share("recall") == pytest.approx(0.3)
    assert budget.share("rank") == pytest.approx(1.2 * 3 / 7)
    clock.move(1.0)
    assert budget.share("seen") == pytest.approx(0.2)


def test_what_flows_on_at_most_doubles_a_share() -> None:
    budget = Budget(1.5, parts(WEIGHTS), Clock())
    assert budget.share("seen") == pytest.approx(FLOW * 0.2)


def test_unused_time_flows_on() -> None:
    clock = Clock()
    budget = Budget(1.5, parts(WEIGHTS), clock)
    assert budget.share("prerank") == pytest.approx(1.5 * 2 / 9)
    clock.move(0.75)
    assert budget.share("rank") == pytest.approx(0.75 * 3 / 7)
    clock.move(1.0)
    assert budget.share("rank") == 0.0


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    st.floats(0.01, 10),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)
def test_all_stages_together_never_take_more_than_there_is(
    weights: list[float], seconds: float, used: list[float]
) -> None:
    named = [(f"stage {i}", weight) for i, weight in enumerate(weights)]
    clock = Clock(0.0)
    budget = Budget(seconds, parts(named), clock)
    for (name, _), part in zip(named, used, strict=False):
        share = budget.share(name)
        assert share > 0
        clock.move(share * part)
    assert clock() <= seconds * (1 + 1e-9)


def test_stages_that_all_hang_use_it_up() -> None:
    clock = Clock(0.0)
    budget = Budget(1.5, parts(WEIGHTS), clock)
    for stage, _ in WEIGHTS:
        clock.move(budget.share(stage))
    assert clock() == pytest.approx(1.5)


def test_the_shorter_deadline_goes_first_less_the_way_back() -> None:
    assert request_seconds(0.5, None, 0.02) == pytest.approx(0.48)
    assert request_seconds(0.5, 9.0, 0.02) == pytest.approx(0.48)
    assert request_seconds(0.5, 0.3, 0.02) == pytest.approx(0.28)
    assert request_seconds(0.5, 0.01, 0.02) == pytest.approx(0.008)
    assert request_seconds(0.5, -1.0, 0.02) == 0.0
