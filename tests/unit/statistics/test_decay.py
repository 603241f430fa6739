"""Decayed counts against sums over all events."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.domain.live import STATISTICS, WINDOWS
from services.statistics.decay import ENGAGED, SHOWN, Decayed

NOW = 1_700_000_000
DAY = 86_400

event = st.tuples(st.integers(0, 4), st.booleans(), st.integers(NOW - 20 * DAY, NOW))
logs = st.lists(event, max_size=40)
Log = list[tuple[int, bool, int]]


def brute_force(log: Log, now: float) -> np.ndarray:
    counts = np.zeros((5, 2, len(WINDOWS)))
    for row, engaged, time in log:
        for w, (_, tau) in enumerate(WINDOWS):
            counts[row, ENGAGED if engaged else SHOWN, w] += np.exp(-(now - time) / tau)
    return counts


def counted(log: Log, parts: int = 1) -> Decayed:
    decayed = Decayed(5)
    for part in np.array_split(np.array(log, np.int64).reshape(-1, 3), parts):
        decayed.add(part[:, 0], part[:, 1] == 1, part[:, 2])
    return decayed


@given(logs, st.integers(1, 5), st.integers(0, 10 * DAY))
def test_counts_are_sums_of_decayed_events(log: Log, parts: int, later: int) -> None:
    now = NOW + later
    np.testing.assert_allclose(
        counted(log, parts).at(now), brute_force(log, now), rtol=1e-9, atol=1e-12
    )


@given(logs, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(log: Log, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(log, len(log))
    np.testing.assert_allclose(
        counted(log, 3).at(NOW), counted(shuffled, 2).at(NOW), rtol=1e-9, atol=1e-12
    )


def test_an_item_without_events_has_zeros() -> None:
    np.testing.assert_array_equal(Decayed(2).features(NOW), np.zeros((2, len(STATISTICS))))


def test_features_of_known_counts() -> None:
    decayed = Decayed(1)
    decayed.add(np.zeros(30, np.int64), True, np.full(30, NOW))
    decayed.add(np.zeros(180, np.int64), False, np.full(180, NOW))
    ctr = 31 / 200 - 0.05
    np.testing.assert_allclose(decayed.features(NOW)[0], [np.log(31), ctr] * 3, rtol=1e-6)


def test_ctr_is_at_most_one_where_impressions_are_not_reported() -> None:
    decayed = Decayed(1)
    decayed.add(np.zeros(10_000, np.int64), True, np.full(10_000, NOW))
    assert (decayed.features(NOW)[0, 1::2] <= 1 - 0.05).all()


def test_rows_are_added_while_counting() -> None:
    grown, whole = Decayed(0), Decayed(5)
    for row in range(5):
        grown.grow(row + 1)
        for decayed in (grown, whole):
            decayed.add(np.array([row]), True, np.array([NOW - row]))
    np.testing.assert_array_equal(grown.at(NOW)[:5], whole.at(NOW))


def test_trending_is_more_than_usual() -> None:
    steady = np.repeat(np.arange(NOW - 30 * DAY, NOW, DAY), 100)  # 100 a day for a month
    rising = np.full(40, NOW - 3600)
    few = np.full(2, NOW)
    decayed = Decayed(4)
    for row, times in enumerate((steady, rising, few)):
        decayed.add(np.full(len(times), row), True, times)
    rows, scores = decayed.trending(NOW, 10)
    assert rows.tolist()[0] == 1
    assert 2 not in rows
    assert 3 not in rows
    assert (np.diff(scores) <= 0).all()
    assert (scores > 0).all()
    assert decayed.trending(NOW, 1)[0].tolist() == [1]


def test_with_a_day_of_log_trending_is_popular() -> None:
    decayed = Decayed(3)
    for row, count in enumerate((5, 50, 20)):
        decayed.add(np.full(count, row), True, np.full(count, NOW))
    assert decayed.trending(NOW, 10)[0].tolist() == [1, 2, 0]
