"""Candidates of the past: what was known then, and nothing later."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.training.candidates import recall
from models.training.live import Clock
from models.training.log import Log
from models.training.split import Queries, queries
from services.domain.live import STATISTICS, WINDOWS
from tests.releases import tiny_dataset
from tests.unit.models.logs import make_log

HOUR, DAY = 3600, 86_400
START = 1_000_000_000


def timed() -> Log:
    """Three users on four items, with a clock."""
    times = [[0, HOUR], [HOUR, 2 * HOUR, 3 * HOUR], [30 * DAY]]
    log = make_log([[0, 1], [1, 2, 1], [3]], 4, [[START + t for t in one] for one in times])
    return replace(log, has_clock=True)


def test_statistics_count_what_happened_before() -> None:
    log, clock = timed(), Clock(timed())
    for now in (START, START + HOUR, START + 2 * HOUR + 1, START + 40 * DAY):
        live = clock.at(now)
        for column, (name, tau) in enumerate(WINDOWS):
            engaged = np.zeros(4)
            for row, time in zip(log.rows, log.times.astype(int), strict=True):
                engaged[row] += np.exp(-(now - time) / tau) if time < now else 0.0
            found = live.statistics[:, STATISTICS.index(f"engaged_{name}")]
            np.testing.assert_allclose(found, np.log1p(engaged), atol=1e-6)
            assert (live.statistics[:, 2 * column + 1] == 0).all()  # no impressions, no CTR


def test_a_log_without_a_clock_has_no_statistics() -> None:
    live = Clock(make_log([[0, 1]], 2)).at(0)
    assert live.statistics.size == 0
    assert len(live.trending_rows) == 0


@pytest.fixture
def log(release: Path, tmp_path: Path) -> Log:
    dataset = tiny_dataset(tmp_path / "tiny")
    return Log.of(dataset.tables(), has_clock=True)


def asked(log: Log) -> Queries:
    users = np.arange(log.user_count)
    return queries(log, users, log.sizes - 3)


def test_what_happens_later_changes_nothing(release: Path, log: Log) -> None:
    """The log ends for everyone with the last query's answer: the lists stay as they are."""
    wanted = asked(log)
    lists = recall(release, log, wanted)
    at = log.offsets[wanted.users] + wanted.ends
    kept = log.times <= log.times[at].max()
    ends = np.array([np.count_nonzero(kept[log.users == user]) for user in range(log.user_count)])
    shorter = log.first(np.maximum(ends, wanted.ends + 1))
    assert len(shorter.rows) < len(log.rows)
    again = recall(release, shorter, wanted)
    np.testing.assert_array_equal(lists.vectors, again.vectors)
    for one, other in zip(lists.candidates, again.candidates, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.statistics, other.statistics)


def test_lists_are_in_the_order_of_the_queries(release: Path, log: Log) -> None:
    wanted = asked(log)
    back = slice(None, None, -1)
    turned = Queries(
        wanted.users[back], wanted.ends[back], wanted.targets[back], wanted.liked[back]
    )
    there, here = recall(release, log, wanted), recall(release, log, turned)
    np.testing.assert_allclose(there.vectors, here.vectors[back], atol=1e-6)
    for i, one in enumerate(there.candidates):
        other = here.candidates[len(wanted) - 1 - i]
        assert sorted(one.rows.tolist()) == sorted(other.rows.tolist())


def test_what_a_user_had_is_not_among_the_candidates(release: Path, log: Log) -> None:
    wanted = asked(log)
    found = recall(release, log, wanted).candidates
    for user, end, one in zip(wanted.users, wanted.ends, found, strict=True):
        begin = log.offsets[user]
        assert not np.isin(one.rows, log.rows[begin : begin + end]).any()
        assert one.statistics.shape == (len(one), len(STATISTICS))


def test_no_queries_have_no_lists(release: Path, log: Log) -> None:
    none = queries(log, np.empty(0, np.int64), np.empty(0, np.int64))
    assert recall(release, log, none).candidates == []
