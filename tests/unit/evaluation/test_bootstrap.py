import numpy as np
import pytest

from models.evaluation.bootstrap import interval, intervals, paired


def test_the_interval_has_the_width_of_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 4000)
    found = interval(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.half == pytest.approx(1.96 * values.std() / np.sqrt(4000), rel=0.08)
    assert found.low < found.mean < found.high


def test_the_interval_covers_the_mean_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(300):
        found = interval(rng.exponential(1.0, 80), rounds=400, seed=trial)
        hits += found.low <= 1.0 <= found.high
    assert 0.90 < hits / 300 < 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random((50, 3))
    assert intervals(values, seed=4) == intervals(values, seed=4)
    assert intervals(values, seed=4) != intervals(values, seed=5)


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(1).random(50)
    same, twice = intervals(np.stack([values, 2 * values], axis=1))
    assert twice.low == pytest.approx(2 * same.low)
    assert same.high == pytest.approx(interval(values).high)


def test_constants_have_no_width_and_nan_is_left_out() -> None:
    assert interval(np.full(10, 0.5)).half == 0
    found = interval(np.array([1.0, 3.0, np.nan, np.nan]))
    assert found.mean == 2.0
    assert 1.0 <= found.low <= found.high <= 3.0


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(40)
    whole = paired(values, values[::-1].copy())
    monkeypatch.setattr("models.evaluation.bootstrap.CELLS", 40 * 7)
    assert interval(values).mean == pytest.approx(values.mean())
    assert paired(values, values[::-1].copy()).interval == whole.interval


def test_a_better_one_is_surely_better() -> None:
    rng = np.random.default_rng(1)
    b = rng.random(500)
    found = paired(b + 0.05 + 0.01 * rng.normal(size=500), b)
    assert found.sure
    assert found.interval.mean == pytest.approx(0.05, abs=0.002)
    assert found.p == pytest.approx(1 / 2001)


def test_equal_ones_do_not_differ() -> None:
    b = np.random.default_rng(1).random(100)
    found = paired(b, b.copy())
    assert not found.sure
    assert found.p == 1.0


def test_p_is_uniform_when_there_is_no_difference() -> None:
    rng = np.random.default_rng(5)
    small = [
        paired(rng.normal(size=40), rng.normal(size=40), rounds=200, seed=i).p < 0.1
        for i in range(400)
    ]
    assert 0.05 < np.mean(small) < 0.15


def test_p_equals_all_flips_of_few_users() -> None:
    """Of 2^4 flips of (1, 2, 3, 4) exactly 2 have a mean as far from zero as 2.5."""
    change = np.array([1.0, 2.0, 3.0, 4.0])
    assert paired(change, np.zeros(4), rounds=20_000).p == pytest.approx(2 / 16, abs=0.01)


def test_different_users_are_refused() -> None:
    with pytest.raises(ValueError, match="same users"):
        paired(np.zeros(3), np.zeros(4))


def test_nobody_is_no_difference() -> None:
    assert paired(np.zeros(0), np.zeros(0)).p == 1.0
    assert interval(np.zeros(0)).mean == 0.0
