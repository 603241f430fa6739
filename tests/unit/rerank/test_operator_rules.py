"""Blocks, boosts and pins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.context import RequestContext
from services.domain.hard_rules import allowed, blocked_rows
from services.domain.ids import item_keys
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.blocks import Blocks
from services.rerank.rules.boosts import Boost, Boosts
from services.rerank.rules.pins import Pin, Pins

ITEMS = 10


def slate(*rows: int) -> Slate:
    scores = np.linspace(1, 0.1, len(rows)).astype(np.float32)
    return Slate(np.array(rows, np.int32), scores)


def query(k: int = 5, request: RequestContext | None = None) -> RerankQuery:
    nothing = slate()
    context = request or RequestContext(0)
    return RerankQuery("r", context, nothing.rows, nothing.scores, k, 1.0, explain=True)


def boost(rows: list[int], multiply: float = 1.0, add: float = 0.0) -> Boost:
    return Boost(np.isin(np.arange(ITEMS), rows), multiply, add)


def pin(row: int, position: int, category: str = "Drama") -> Pin:
    return Pin(row, 100 + row, frozenset({category}), position)


def notes_of(notes) -> list[tuple[int, str, str]]:
    return [(n.row, n.rule, n.effect) for n in notes]


def test_blocked_rows_are_those_the_release_has():
    known = item_keys(["b", "a"])

    def rows_of(keys):
        return np.array([list(known).index(k) if k in known else -1 for k in keys], np.int32)

    assert blocked_rows(["a", "gone", "b", "a"], rows_of).tolist() == [0, 1]
    assert allowed(np.array([2, 0, 3], np.int32), np.array([0, 1], np.int32)).tolist() == [
        True,
        False,
        True,
    ]


def test_blocks_remove_and_say_so():
    result, notes = Blocks(np.array([2, 9], np.int32), item_keys(["b2", "b9"])).apply(
        slate(1, 2, 3), query()
    )
    assert result.rows.tolist() == [1, 3]
    assert notes_of(notes) == [(2, "blocks", "removed")]


def test_boosts_order_by_the_new_scores():
    rule = Boosts([boost([3], multiply=20), boost([2], add=0.5)], ITEMS)
    result, notes = rule.apply(slate(1, 2, 3), query())
    assert result.rows.tolist() == [3, 2, 1]
    assert result.scores.tolist() == pytest.approx([2.0, 1.05, 1.0])
    assert notes_of(notes) == [(2, "boosts", "boosted"), (3, "boosts", "boosted")]


def test_boosts_of_one_item_multiply_then_add_whatever_their_order():
    one, two = boost([1], add=1), boost([1], multiply=3)
    first = Boosts([one, two], ITEMS).apply(slate(1), query())[0]
    second = Boosts([two, one], ITEMS).apply(slate(1), query())[0]
    assert first.scores.tolist() == second.scores.tolist() == [4.0]


@given(
    st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=ITEMS),
    st.floats(1, 1e6),
    st.data(),
)
def test_a_factor_above_one_never_moves_an_item_down(scores, factor, data):
    """Also of logits, which are below zero where prerank alone scored."""
    column = np.sort(np.array(scores, np.float32))[::-1]
    rows = np.arange(len(column), dtype=np.int32)
    row = data.draw(st.sampled_from(rows.tolist()))
    result, _ = Boosts([boost([row], factor)], ITEMS).apply(Slate(rows, column), query())
    order = result.rows.tolist()
    assert order.index(row) <= row
    assert [other for other in order if other != row] == [r for r in rows.tolist() if r != row]


def test_a_large_factor_brings_a_negative_score_to_the_front():
    rows, logits = np.arange(3, dtype=np.int32), np.array([-0.5, -1, -6], np.float32)
    rule = Boosts([boost([2], multiply=1000)], ITEMS)
    assert rule.apply(Slate(rows, logits), query())[0].rows.tolist() == [2, 0, 1]


def test_a_factor_of_zero_buries_but_does_not_remove():
    result, _ = Boosts([boost([1], multiply=0)], ITEMS).apply(slate(1, 2, 3), query())
    assert result.rows.tolist() == [2, 3, 1]


def test_a_pin_moves_a_candidate_and_brings_an_item_that_was_none():
    result, notes = Pins([pin(3, 1), pin(7, 3)]).apply(slate(1, 2, 3), query())
    assert result.rows.tolist() == [3, 1, 7, 2]
    assert notes_of(notes) == [(3, "pins", "pinned"), (7, "pins", "pinned")]


def test_a_pin_beyond_a_short_list_ends_it():
    assert Pins([pin(7, 5)]).apply(slate(1), query())[0].rows.tolist() == [1, 7]


def test_a_pin_beyond_k_leaves_its_item_where_it_was():
    assert Pins([pin(3, 6)]).apply(slate(1, 2, 3), query(k=5))[0].rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "request_context",
    [
        RequestContext(0, exclude=np.array([107], np.uint64)),
        RequestContext(0, categories=("Comedy",)),
    ],
    ids=["excluded", "of another category"],
)
def test_the_request_is_stronger_than_a_pin(request_context):
    result, notes = Pins([pin(7, 1)]).apply(slate(1), query(request=request_context))
    assert result.rows.tolist() == [1]
    assert notes == ()


@given(
    st.lists(st.integers(0, ITEMS - 1), unique=True),
    st.dictionaries(st.integers(0, ITEMS - 1), st.integers(1, 8), max_size=4),
)
def test_pins_are_at_their_positions_and_the_others_keep_their_order(rows, pinned):
    pins = {position: row for row, position in pinned.items()}  # one item a position
    result, _ = Pins([pin(row, at) for at, row in pins.items()]).apply(slate(*rows), query(k=8))
    order = result.rows.tolist()
    assert sorted(order) == sorted({*rows, *pins.values()})
    others = [row for row in rows if row not in pins.values()]
    assert [row for row in order if row not in pins.values()] == others
    for position, row in pins.items():
        if len(others) >= 8:
            assert order[position - 1] == row
        assert order.index(row) <= position - 1
