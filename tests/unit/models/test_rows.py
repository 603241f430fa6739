import numpy as np

from models.schema.recall_features import recall_features
from models.training.rows import Labelled, cut, label, rows_of, sample
from models.training.split import Queries
from services.domain.candidates import Candidates
from tests.unit.models.logs import make_log

LOG = make_log([[0, 1, 2, 3, 9], [4, 5, 6, 7, 8]], 12)
QUERIES = Queries(np.array([0, 1]), np.array([2, 2]), np.array([2, 6]), np.array([False, True]))


def found(*rows: int) -> Candidates:
    n = len(rows)
    return Candidates(np.array(rows, np.int32), np.ones(n, np.uint32), np.ones((n, 3), np.float32))


LISTS = [found(10, 3, 2, 9, 11), found(0, 1)]
ENDS = np.array([4, 4])


def test_lists_without_their_answer_are_left_out() -> None:
    labelled = label(LOG, QUERIES, LISTS, ENDS)
    assert labelled.queries.tolist() == [0]
    assert labelled.answers.tolist() == [2]


def test_negatives_are_never_engaged_with_in_training_and_ignore_what_is_held_out() -> None:
    labelled = label(LOG, QUERIES, LISTS, ENDS)
    # 3 comes later in training; 9 is held out, which training may not know
    assert labelled.negatives[0].tolist() == [True, False, False, True, True]


def test_cut_does_not_bring_back_a_lost_answer() -> None:
    labelled = label(LOG, QUERIES, LISTS, ENDS)
    scores = np.array([0.1, 0.5, 0.3, 0.9, 0.2], np.float32)
    kept = cut(labelled, [scores], 3)
    assert kept.candidates[0].rows.tolist() == [9, 3, 2]
    assert kept.answers.tolist() == [2]
    assert kept.negatives[0].tolist() == [True, False, False]
    assert len(cut(labelled, [scores], 2)) == 0


def features(labelled: Labelled):
    return lambda i: recall_features([labelled.candidates[i]], 3)


def test_samples_have_the_answer_first_and_negatives_after() -> None:
    labelled = label(LOG, QUERIES, LISTS, ENDS)
    rows = sample(labelled, np.array([0]), 3, features(labelled), np.random.default_rng(0))
    assert rows.sizes.tolist() == [3]
    assert rows.items[0] == 2
    assert set(rows.items[1:].tolist()) < {10, 9, 11}
    places = [LISTS[0].rows.tolist().index(row) for row in rows.items]
    np.testing.assert_array_equal(rows.features, recall_features([LISTS[0]], 3)[places])


def test_a_short_list_is_taken_whole_and_once() -> None:
    labelled = label(LOG, QUERIES, LISTS, ENDS)
    rows = sample(labelled, np.array([0]), 64, features(labelled), np.random.default_rng(0))
    assert sorted(rows.items.tolist()) == [2, 9, 10, 11]
    assert rows.positions.tolist() == [0, 0, 0, 0]


def test_rows_of_some_lists_are_those_of_all_cut_out() -> None:
    lists = [found(*range(n)) for n in (3, 5, 2, 4)]
    none = [np.zeros(len(one), bool) for one in lists]
    labelled = Labelled(np.arange(4), lists, np.zeros(4, np.int64), none)
    every = rows_of(labelled, np.arange(4), [np.arange(len(c)) for c in lists], features(labelled))
    at = np.array([2, 0, 3])
    some = rows_of(labelled, at, [np.arange(len(lists[i])) for i in at], features(labelled))
    taken = every.take(at)
    assert taken.queries.tolist() == [2, 0, 3]
    assert taken.owners.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(taken.items, some.items)
    np.testing.assert_array_equal(taken.features, some.features)
