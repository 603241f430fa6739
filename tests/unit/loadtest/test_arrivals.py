"""Arrivals are a Poisson process of the profile's rates, and the same for the same seed."""

import numpy as np
import pytest

from loadtest.arrivals import arrivals
from loadtest.profiles import PROFILES, Phase, length, spike, steady, steps


@pytest.mark.parametrize("name", PROFILES)
def test_arrivals_ascend_within_the_profile(name: str) -> None:
    profile = PROFILES[name](40.0, 30.0, 3.0)
    times = arrivals(profile, 1)
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= 0
    assert times[-1] < length(profile) == 30.0


def test_each_phase_has_its_rate() -> None:
    times = arrivals(spike(100.0, 400.0, 3.0), 2)
    counts = np.histogram(times, (0, 100, 300, 400))[0]
    expected = np.array((10_000, 60_000, 10_000))
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected))


def test_gaps_are_exponential() -> None:
    gaps = np.diff(arrivals(steady(50.0, 2_000.0, 1.0), 3))
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.02)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.02)  # as large as the mean: no rhythm
    shares = [np.mean(gaps < quarter / 50) for quarter in (0.25, 1.0, 3.0)]
    assert shares == pytest.approx([1 - np.exp(-q) for q in (0.25, 1.0, 3.0)], abs=0.01)


def test_a_seed_repeats_and_another_does_not() -> None:
    profile = steady(50.0, 10.0, 1.0)
    assert np.array_equal(arrivals(profile, 7), arrivals(profile, 7))
    assert not np.array_equal(arrivals(profile, 7)[:10], arrivals(profile, 8)[:10])


def test_steps_go_up_to_the_rate_in_equal_times() -> None:
    assert [(p.rate, p.seconds) for p in steps(100.0, 50.0, 1.0)] == [
        (20, 10),
        (40, 10),
        (60, 10),
        (80, 10),
        (100, 10),
    ]


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_phase_without_rate_or_time_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Phase("none", rate, seconds)
