"""New items in an answer."""

import numpy as np

from services.domain.candidates import Candidates
from services.domain.inline import InlineItems
from services.domain.live import FreshItems
from services.domain.stages import Dropped
from services.recall.inline import ids_only, with_inline

VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)
FRESH = FreshItems(
    InlineItems(("a", "b", "c", "d"), VECTORS, 10 * VECTORS), np.arange(4).astype(np.uint64)
)


def candidates(*rows: int) -> Candidates:
    count = len(rows)
    return Candidates(
        np.array(rows, np.int32), np.ones(count, np.uint32), np.ones((count, 1), np.float32)
    )


def test_only_the_items_of_the_answer_travel_under_rows_of_its_own() -> None:
    answer, dropped = with_inline(candidates(-4, 7, -2), (), FRESH)
    assert answer.rows.tolist() == [-1, 7, -2]
    assert answer.inline.ids == ("d", "b")
    np.testing.assert_array_equal(answer.inline.vectors, VECTORS[[3, 1]])
    np.testing.assert_array_equal(answer.inline.features, 10 * VECTORS[[3, 1]])
    assert dropped == ()


def test_what_was_dropped_can_be_named_too() -> None:
    gone = (
        Dropped(np.array([5, -1], np.int32), np.ones(2, np.uint32), "seen"),
        Dropped(np.array([-2], np.int32), np.ones(1, np.uint32), "quota"),
    )
    answer, dropped = with_inline(candidates(-4, 7), gone, FRESH)
    assert answer.inline.ids == ("d", "a", "b")
    assert [one.rows.tolist() for one in dropped] == [[5, -2], [-3]]


def test_an_answer_without_new_items_is_as_it_was() -> None:
    one = candidates(3, 1)
    assert with_inline(one, (), FRESH)[0] is one


def test_similar_items_travel_by_id_alone() -> None:
    rows, items = ids_only(np.array([4, -3, -1], np.int32), FRESH)
    assert rows.tolist() == [4, -1, -2]
    assert items.ids == ("c", "a")
    assert items.vectors.shape == items.features.shape == (2, 0)
