"""Splitting a request's time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.resilience.budget import KEPT, MOST, WEIGHTS, Budget, parts, request_seconds
from tests.unit.gateway.clock import Clock


def test_a_stage_may_take_twice_its_part() -> None:
    budget = Budget(1.5, parts(WEIGHTS), Clock())
    shares = {stage: budget.share(stage) for stage, _ in WEIGHTS}
    assert shares == pytest.approx({stage: 2 * weight / 10 for stage, weight in WEIGHTS})


def test_half_of_their_parts_is_kept_for_the_others() -> None:
    clock = Clock()
    budget = Budget(1.5, parts(WEIGHTS), clock)
    taken = {}
    for stage, _ in WEIGHTS:
        taken[stage] = budget.share(stage)
        clock.move(taken[stage])
    assert taken == pytest.approx(
        {
            "feature_store": 0.6,
            "recall": 0.45,
            "prerank": 0.1,
            "rank": 0.15,
            "rerank": 0.1,
            "seen": 0.1,
        }
    )
    assert budget.share("seen") == 0.0


def test_time_lost_between_stages_is_shared_by_weight() -> None:
    clock = Clock()
    budget = Budget(1.5, parts(WEIGHTS), clock)
    clock.move(1.05)
    assert budget.share("recall") == pytest.approx(0.45 * 3 / 12)


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    st.floats(0.01, 10),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)
def test_every_stage_has_half_to_twice_its_part_and_all_end_in_time(
    weights: list[float], seconds: float, used: list[float]
) -> None:
    named = [(f"stage {i}", weight) for i, weight in enumerate(weights)]
    clock = Clock(0.0)
    budget = Budget(seconds, parts(named), clock)
    for (name, weight), part in zip(named, used, strict=False):
        own = seconds * weight / sum(weights)
        share = budget.share(name)
        assert own * KEPT * (1 - 1e-6) <= share <= own * MOST * (1 + 1e-6)
        clock.move(share * part)
    assert clock() <= seconds * (1 + 1e-9)


def test_the_shorter_deadline_goes_first_less_the_way_back() -> None:
    assert request_seconds(0.5, None, 0.02) == pytest.approx(0.48)
    assert request_seconds(0.5, 9.0, 0.02) == pytest.approx(0.48)
    assert request_seconds(0.5, 0.3, 0.02) == pytest.approx(0.28)
    assert request_seconds(0.5, 0.01, 0.02) == pytest.approx(0.008)
    assert request_seconds(0.5, -1.0, 0.02) == 0.0
