from dataclasses import replace

import numpy as np

from models.schema.inline import rows_of
from models.schema.rank import slots
from models.schema.recall_features import feature_count, owners, recall_features
from services.domain.candidates import Candidates

ONE = Candidates(
    np.array([4, 7, 9], np.int32),
    np.array([0b01, 0b11, 0b10], np.uint32),
    np.array([[0.2, 0.0], [0.4, 3.0], [0.0, 1.5]], np.float32),
)
NONE = Candidates.empty(2)


def test_score_share_of_the_best_and_reciprocal_rank_by_channel() -> None:
    np.testing.assert_allclose(
        recall_features([ONE], 2)[:, :6],
        [
            [0.2, 0.5, 0.5, 0, 0, 0],
            [0.4, 1.0, 1.0, 3.0, 1.0, 1.0],
            [0, 0, 0, 1.5, 0.5, 0.5],
        ],
        rtol=1e-6,
    )


def test_a_recalled_item_with_score_zero_is_not_one_that_was_not_recalled() -> None:
    one = Candidates(
        np.array([1, 2], np.int32), np.array([1, 0], np.uint32), np.zeros((2, 1), np.float32)
    )
    assert recall_features([one], 1)[:, :3].tolist() == [[0, 0, 1], [0, 0, 0]]


def test_statistics_come_last_and_zeros_stand_for_none() -> None:
    statistics = np.arange(18, dtype=np.float32).reshape(3, 6)
    with_them = replace(ONE, statistics=statistics)
    np.testing.assert_array_equal(recall_features([with_them], 2)[:, 6:], statistics)
    np.testing.assert_array_equal(recall_features([ONE], 2)[:, 6:], np.zeros((3, 6)))
    np.testing.assert_array_equal(
        recall_features([with_them], 2)[:, :6], recall_features([ONE], 2)[:, :6]
    )


def test_queries_do_not_touch_each_other() -> None:
    twice = recall_features([ONE, NONE, ONE.take(np.array([2, 0]))], 2)
    np.testing.assert_array_equal(twice[:3], recall_features([ONE], 2))
    np.testing.assert_array_equal(twice[3:], recall_features([ONE.take(np.array([2, 0]))], 2))
    assert recall_features([NONE], 2).shape == (0, feature_count(2))
    assert recall_features([], 2).shape == (0, feature_count(2))


def test_owners_and_rows() -> None:
    assert owners([ONE, NONE, ONE]).tolist() == [0, 0, 0, 2, 2, 2]
    assert rows_of([NONE, ONE]).tolist() == [4, 7, 9]
    assert rows_of([]).tolist() == []


def test_slots_place_each_candidate_in_its_users_line() -> None:
    table, slot_of = slots([2, 0, 3])
    assert table.tolist() == [[0, 1, 0], [0, 0, 0], [2, 3, 4]]
    assert slot_of.tolist() == [0, 1, 6, 7, 8]
    np.testing.assert_array_equal(table.ravel()[slot_of], np.arange(5))
    assert slots([0, 0])[0].shape == (2, 0)


def test_a_batch_is_what_the_definition_says() -> None:
    generator = np.random.default_rng(6)
    lists = []
    for size in (7, 0, 1, 40):
        masks = generator.integers(0, 8, size).astype(np.uint32)
        scores = generator.integers(-2, 3, (size, 3)).astype(np.float32)  # with ties
        lists.append(Candidates(np.arange(size, dtype=np.int32), masks, scores))
    expected = np.zeros((48, 9), np.float32)
    for one, start in zip(lists, (0, 7, 7, 8), strict=True):
        for channel in range(3):
            found = np.flatnonzero(one.channels >> channel & 1)
            scores = one.recall_scores[found, channel]
            best = max([1e-6, *np.abs(scores)])
            for place, i in enumerate(np.argsort(-scores, kind="stable")):
                columns = slice(3 * channel, 3 * channel + 3)
                expected[start + found[i], columns] = scores[i], scores[i] / best, 1 / (place + 1)
    np.testing.assert_allclose(recall_features(lists, 3)[:, :9], expected, rtol=1e-6)
