import numpy as np
import pytest

from models.recall.popular import HALF_LIFE, ranking, scores, statics
from tests.unit.models.logs import make_log


def test_an_event_one_half_life_ago_counts_half() -> None:
    now = 2 * int(HALF_LIFE)
    log = make_log([[0, 1], [0, 2]], 4, times=[[now - int(HALF_LIFE), now], [0, now]])
    assert scores(log).tolist() == pytest.approx([0.75, 1.0, 1.0, 0.0])


def test_without_a_clock_every_event_counts_the_same() -> None:
    assert scores(make_log([[0, 1], [0, 2], [0]], 4)).tolist() == pytest.approx(
        [1, 1 / 3, 1 / 3, 0]
    )


def test_ties_are_ranked_by_row() -> None:
    rows, popularity = ranking(np.array([0.5, 1.0, 0.5, 0.0], np.float32))
    assert rows.tolist() == [1, 0, 2, 3]
    assert popularity.tolist() == [1.0, 0.5, 0.5, 0.0]


def test_the_like_rate_is_smoothed_to_the_average() -> None:
    log = make_log([[0, 1, 2, 0]], 5)  # events 0 and 3 are likes, both of item 0
    rates = statics(log)[:, 2]
    assert rates[0] == pytest.approx((2 + 10 * 0.5) / 12)
    assert rates[4] == pytest.approx(0.5)


def test_a_log_without_events_has_no_popular_item() -> None:
    assert scores(make_log([[]], 3)).tolist() == [0, 0, 0]
