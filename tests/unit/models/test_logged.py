"""Lessons from served lists."""

import numpy as np

from models.data.impressions import Impression, Impressions
from models.schema import layout
from models.schema.manifest import Manifest
from models.training.logged import lessons, logged_rows
from models.training.rows import sample
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext

CHANNELS = ("a", "b")


def served(count: int, channels: int = 2) -> Candidates:
    scores = np.arange(count * channels, dtype=np.float32).reshape(count, channels)
    return Candidates(
        np.arange(10, 10 + count, dtype=np.int32), np.full(count, 3, np.uint32), scores
    )


def impression(
    exposed: list[int], clicked: list[bool], liked: list[bool] | None = None, channels: int = 2
) -> Impression:
    return Impression(
        UserContext("p", known=True),
        RequestContext(now=100),
        served(6, channels),
        np.array(exposed, np.int64),
        np.arange(len(exposed), dtype=np.int64),
        np.array(clicked, np.bool_),
        np.array(liked or clicked, np.bool_),
    )


def test_each_item_taken_is_an_answer_against_what_was_shown_and_left() -> None:
    log = Impressions(
        CHANNELS, [impression([4, 0, 2], [False, True, True]), impression([1], [False])]
    )
    labelled = logged_rows(log)
    assert labelled.answers.tolist() == [0, 2]
    assert labelled.queries.tolist() == [0, 1]
    for negatives in labelled.negatives:  # 1, 3 and 5 were not shown, 0 and 2 were taken
        assert np.flatnonzero(negatives).tolist() == [4]
    assert labelled.positions[0].tolist() == [2, 0, 3, 0, 1, 0]


def test_rows_carry_the_positions_of_what_they_hold() -> None:
    labelled = logged_rows(Impressions(CHANNELS, [impression([4, 0, 2], [False, True, False])]))
    rows = sample(
        labelled, labelled.usable, 64, lambda i: np.zeros((6, 1), "f4"), np.random.default_rng(0)
    )
    assert rows.items.tolist() == [10, 12, 14]
    assert rows.positions.tolist() == [2, 3, 1]


def test_a_list_of_which_all_was_taken_teaches_no_order() -> None:
    labelled = logged_rows(Impressions(CHANNELS, [impression([0], [True])]))
    assert len(labelled) == 1
    assert labelled.usable.tolist() == []


def test_users_are_encoded_as_the_log_has_them(release) -> None:
    channels = Manifest.read(release).channels
    one = impression([4, 0, 2], [False, True, True], [False, True, False], len(channels))
    found = lessons(Impressions(channels, [one]), release)
    assert found.encoded.liked.tolist() == [True, False]
    dimension = np.load(release / layout.VECTORS).shape[1]
    assert found.encoded.vectors.shape == (2, dimension)
    np.testing.assert_allclose(np.linalg.norm(found.encoded.vectors, axis=1), 1.0, rtol=1e-5)
    none = lessons(Impressions(channels, []), release)
    assert (len(none.labelled), none.encoded.vectors.shape) == (0, (0, dimension))
