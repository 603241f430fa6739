"""What makes the tests valid at any time: they are 1 on average when nothing is worse."""

import itertools
import math

import numpy as np
import pytest

from services.rollout.sequential import blocks_at_least, mixture, paired, part, ratio

SIZES = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    (0.1, 5.0, 0.1, 0.1, 100.0, 0.1, 0.1, 3.0),  # bursts
    (0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0),  # hardly any traffic
    (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),  # traffic grows
)


@pytest.mark.parametrize("sizes", SIZES)
def test_alike_arms_have_evidence_of_one_on_average_after_every_block(sizes):
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sizes))))
    evidence = np.exp(paired(signs * np.array(sizes)))
    np.testing.assert_allclose(evidence.mean(axis=0), 1.0, rtol=1e-9)


@pytest.mark.parametrize("sizes", SIZES)
def test_also_for_one_who_stops_when_it_looks_worst(sizes):
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sizes))))
    evidence = np.exp(paired(signs * np.array(sizes)))
    above = evidence >= 2.0
    stop = np.where(above.any(axis=1), above.argmax(axis=1), len(sizes) - 1)
    assert evidence[np.arange(len(signs)), stop].mean() == pytest.approx(1.0)
    assert above.any(axis=1).mean() <= 0.5


def test_what_comes_later_changes_nothing_before():
    random = np.random.default_rng(0)
    differences = random.normal(size=50)
    np.testing.assert_allclose(paired(differences)[:20], paired(differences[:20]))


def test_the_unit_of_the_differences_does_not_matter():
    differences = np.random.default_rng(1).normal(0.3, 1, size=50)
    np.testing.assert_allclose(paired(differences * 1e-6), paired(differences))


def test_many_rollouts_at_once_are_as_each_alone():
    differences = np.random.default_rng(2).normal(size=(3, 4, 30))
    together = paired(differences)
    np.testing.assert_allclose(together[1, 2], paired(differences[1, 2]))


def test_it_takes_as_many_blocks_as_it_says_and_not_one_less():
    for threshold in (math.log(100), math.log(2700), math.log(1e5)):
        found = paired(np.ones(100)) >= threshold
        assert found.argmax() + 1 == pytest.approx(blocks_at_least(threshold), abs=1)


def test_a_fault_that_comes_late_is_found():
    random = np.random.default_rng(3)
    differences = random.normal(-0.2, 1.0, size=400)
    differences[300:] += 2.0
    evidence = paired(differences)
    assert evidence[:300].max() < math.log(20)
    assert evidence[350] > math.log(2700)


def test_one_burst_however_large_is_one_block():
    differences = np.full(30, 0.01)
    differences[::2] *= -1
    differences[7] = 1e6
    assert paired(differences).max() < math.log(4)


def test_the_mixture_is_one_on_average_when_there_is_no_effect():
    for information in (0.01, 0.5, 4.0, 100.0):
        z = np.linspace(-8, 8, 20001) * math.sqrt(1 + information)
        variance = np.full_like(z, 1 / information)
        evidence = mixture(z * np.sqrt(variance), variance, np.ones_like(z))
        density = -(z**2) / 2 - math.log(2 * math.pi) / 2
        assert np.trapezoid(np.exp(evidence + density), z) == pytest.approx(1.0, rel=1e-3)


def test_the_mixture_grows_with_the_effect_and_is_small_for_the_opposite():
    evidence = mixture(np.array([-3.0, 0.0, 3.0, 6.0]), np.ones(4), np.ones(4))
    assert (np.diff(evidence) > 0).all()
    assert evidence[0] < -1 < evidence[1] < 0 < evidence[2]


@pytest.mark.parametrize(
    ("effect", "variance", "scale"),
    [(math.nan, 1.0, 1.0), (1.0, math.nan, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)],
)
def test_what_is_not_known_is_no_evidence(effect, variance, scale):
    assert mixture(np.array([effect]), np.array([variance]), np.array([scale])) == 0.0


def test_a_ratio_of_one_list_each_has_the_variance_of_a_share():
    counts = np.array([1.0] * 30 + [0.0] * 70)
    estimate, variance = ratio(counts, np.ones(100))
    assert estimate == pytest.approx(0.3)
    assert variance == pytest.approx(0.3 * 0.7 / 99)


def test_users_who_do_the_same_each_time_are_no_more_than_once():
    once = ratio(np.array([1.0] * 30 + [0.0] * 70), np.ones(100))
    ten_times = ratio(np.array([10.0] * 30 + [0.0] * 70), np.full(100, 10.0))
    assert ten_times == (pytest.approx(once[0]), pytest.approx(once[1]))


def test_the_variance_is_that_of_drawing_the_users_again():
    random = np.random.default_rng(4)
    lists = random.geometric(0.3, size=400).astype(float)
    counts = random.binomial(lists.astype(int), random.beta(1, 4, size=400)).astype(float)
    _, variance = ratio(counts, lists)
    drawn = random.integers(0, 400, size=(4000, 400))
    again, _ = ratio(counts[drawn], lists[drawn])
    assert variance == pytest.approx(again.var(), rel=0.1)


def test_without_lists_nothing_is_known():
    estimate, variance = ratio(np.zeros(5), np.zeros(5))
    assert np.isnan(estimate)
    assert np.isnan(variance)


def test_weighing_anew_spends_no_more_than_twice():
    parts = [part(0.01, look) for look in range(10_000)]
    assert parts[0] == pytest.approx(0.01)
    assert parts == sorted(parts, reverse=True)
    assert 0.0199 < sum(parts) < 0.02
