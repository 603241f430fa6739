"""Lessons from what the log says was shown."""

from pathlib import Path

import numpy as np
import pytest

from models.data.exposures import Exposures
from models.recall.popular import EXPECTED, clicks_by_expected, statics
from models.training.candidates import Lists, recall
from models.training.exposed import label, shown_before, shown_with
from models.training.log import Log
from models.training.split import queries
from services.domain.candidates import Candidates
from tests.releases import tiny_dataset
from tests.unit.models.logs import make_log

LOG = make_log([[0, 1], [2, 3]], 9, times=[[100, 200], [100, 300]])


def exposures(*entries: tuple[int, int, int, int, int, bool]) -> Exposures:
    """Of entries (list, user, row, place, time, clicked)."""
    lists, users, rows, places, times, clicked = zip(*entries, strict=True)
    return Exposures(
        np.array(lists, np.uint32),
        np.array(users, np.int32),
        np.array(rows, np.int32),
        np.array(places, np.uint8),
        np.array(times, np.uint32),
        np.array(clicked, np.bool_),
    )


SHOWN = exposures(
    (0, 0, 0, 0, 99, True),
    (0, 0, 5, 1, 101, False),
    (1, 0, 7, 0, 190, False),
    (1, 0, 0, 1, 195, False),  # the user had it: it would not be recalled
    (1, 0, 1, 2, 199, True),
    (1, 0, 8, 3, 203, True),  # taken as well
    (2, 1, 3, 0, 100, True),  # long before the event of user 1
    (2, 1, 6, 1, 101, False),
)


def candidates(rows: list[int]) -> Candidates:
    n = len(rows)
    return Candidates(np.array(rows, np.int32), np.ones(n, np.uint32), np.ones((n, 1), np.float32))


def test_the_list_of_an_answer_is_the_one_it_was_clicked_in() -> None:
    wanted = queries(LOG, np.array([0, 0, 1]), np.array([0, 1, 1]))
    shown = shown_with(LOG, wanted, SHOWN)
    assert [shown.rows(i).tolist() for i in range(3)] == [[0, 5], [7, 1, 8], []]


def test_what_was_shown_and_left_is_a_negative_and_nothing_else() -> None:
    wanted = queries(LOG, np.array([0, 1]), np.array([1, 1]))
    shown = shown_with(LOG, wanted, SHOWN)
    lists = Lists(np.zeros((2, 4), np.float32), [candidates([4, 7, 1, 8]), candidates([3, 6])], 1)
    labelled = label(wanted, lists, shown)
    assert labelled.queries.tolist() == [0]  # of the other nobody knows where it was shown
    assert labelled.answers.tolist() == [2]
    assert labelled.negatives[0].tolist() == [False, True, False, False]
    assert labelled.positions[0].tolist() == [0, 1, 3, 4]
    assert labelled.judged(0).tolist() == [1, 2]


def test_clicks_are_counted_by_what_their_place_promises() -> None:
    """Places 0 and 1 are clicked half of the time and never: item 5 is not to blame."""
    shown = exposures(
        *((n, 0, 2, 0, n, True) for n in range(10)),
        *((n, 0, 3, 0, n, False) for n in range(10, 20)),
        *((n, 0, 5, 1, n, False) for n in range(20, 40)),
    )
    found = clicks_by_expected(shown, 7)
    assert found[2] == pytest.approx(np.log((10 + EXPECTED) / (5 + EXPECTED)))
    assert found[3] == pytest.approx(np.log(EXPECTED / (5 + EXPECTED)))
    assert found[5] == found[6] == 0.0
    assert statics(LOG, SHOWN).shape == (9, 4)
    assert statics(LOG).shape == (9, 3)


def test_what_was_shown_from_the_held_out_event_on_is_not_counted() -> None:
    """User 0's second event is hidden and its list with it; of user 1 all is, from the first on."""
    shown = exposures(
        (0, 0, 0, 0, 99, True),
        (0, 0, 5, 1, 101, False),  # left after the last click: counts
        (1, 0, 1, 0, 199, True),
        (2, 1, 6, 0, 39, False),
        (3, 1, 2, 0, 100, True),
        (4, -1, 8, 0, 999, False),  # of someone without an event
    )
    assert shown_before(LOG, shown, np.array([1, 0])).rows.tolist() == [0, 5, 6, 8]


def test_a_fit_on_everything_counts_all_that_was_shown() -> None:
    late = exposures((0, 0, 5, 0, 999, False), (1, -1, 6, 0, 999, False))
    assert len(shown_before(LOG, late, LOG.sizes)) == 2


def test_what_was_shown_is_put_after_what_recall_finds(release: Path, tmp_path: Path) -> None:
    log = Log.of(tiny_dataset(tmp_path / "tiny").tables(), has_clock=True)
    wanted = queries(log, np.arange(3), log.sizes[:3] - 2)
    plain = recall(release, log, wanted).candidates
    missing = [np.setdiff1d(np.arange(120), one.rows)[:3] for one in plain]
    also = [np.append(one.rows[:2], more) for one, more in zip(plain, missing, strict=True)]
    more = recall(release, log, wanted, also=lambda i: also[i]).candidates
    for one, other, rows in zip(plain, more, missing, strict=True):
        np.testing.assert_array_equal(other.rows, np.append(one.rows, rows))
        assert not other.channels[len(one) :].any()
        assert len(other.all_statistics()) == len(other)
