"""The laws every rule keeps, whatever the list it is given."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.context import RequestContext
from services.domain.ids import item_keys
from services.domain.inline import InlineItems
from services.domain.protocols import Rule
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.blocks import Blocks
from services.rerank.rules.boosts import Boost, Boosts
from services.rerank.rules.dpp import Dpp
from services.rerank.rules.fresh import FreshFloor
from services.rerank.rules.mmr import Mmr
from services.rerank.rules.pins import Pin, Pins
from services.rerank.rules.window import CategoryWindow

ITEMS = 30
RANDOM = np.random.default_rng(7)
VECTORS = RANDOM.normal(size=(ITEMS, 4)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
BLOCKED = {3, 11, -2}
PINNED = {5: 1, 17: 4}


def codes_of(row: int) -> np.ndarray:
    return np.array([row % 3], np.int32)


# A new rule is one line here.
RULES: dict[str, Callable[[], Rule]] = {
    "blocks": lambda: Blocks(np.array(sorted(BLOCKED - {-2}), np.int32), item_keys(["new1"])),
    "no blocks": lambda: Blocks(np.empty(0, np.int32), np.empty(0, np.uint64)),
    "boosts": lambda: Boosts([Boost(np.arange(ITEMS) % 2 == 0, 1.5, 0.1, category=1)], ITEMS),
    "no boosts": lambda: Boosts([], ITEMS),
    "mmr": lambda: Mmr(VECTORS, 0.5),
    "dpp": lambda: Dpp(VECTORS, 0.5),
    "dpp by score": lambda: Dpp(VECTORS, 1.0),
    "window": lambda: CategoryWindow(codes_of, size=3, most=1, categories=3),
    "fresh": lambda: FreshFloor(2),
    "no fresh": lambda: FreshFloor(0),
    "pins": lambda: Pins([Pin(row, row, frozenset(), at) for row, at in PINNED.items()]),
    "no pins": lambda: Pins([]),
}
MAY_REMOVE = {"blocks": BLOCKED}
MAY_ADD = {"pins": set(PINNED)}

INLINE = InlineItems(
    tuple(f"new{i}" for i in range(4)),
    VECTORS[:4],
    np.eye(4, 5, dtype=np.float32),
)
lists = st.lists(st.integers(-len(INLINE), ITEMS - 1), unique=True, max_size=ITEMS)
every_rule = pytest.mark.parametrize("name", RULES)


def slate_of(rows: list[int]) -> Slate:
    scores = np.linspace(2, -1, len(rows)) if rows else []
    return Slate(np.array(rows, np.int32), np.array(scores, np.float32))


def query_of(slate: Slate, k: int) -> RerankQuery:
    request = RequestContext(0)
    return RerankQuery("r", request, slate.rows, slate.scores, k, 1.0, explain=True, inline=INLINE)


@every_rule
@given(rows=lists, k=st.integers(1, 40))
def test_items_are_neither_invented_nor_lost_nor_doubled(name, rows, k):
    slate = slate_of(rows)
    result, _ = RULES[name]().apply(slate, query_of(slate, k))
    after = result.rows.tolist()
    pins = {row for row in MAY_ADD.get(name, set()) if PINNED[row] <= k}
    assert len(after) == len(set(after))
    assert set(after) == (set(rows) - MAY_REMOVE.get(name, set())) | pins
    assert result.rows.dtype == np.int32
    assert result.scores.dtype == np.float32
    assert len(result.scores) == len(after)


@every_rule
@given(rows=lists, k=st.integers(1, 40))
def test_the_same_list_gives_the_same_list(name, rows, k):
    slate = slate_of(rows)
    query = query_of(slate, k)
    rule = RULES[name]()
    (first, notes), (again, notes_again) = rule.apply(slate, query), rule.apply(slate, query)
    fresh, _ = RULES[name]().apply(slate, query)
    assert first.rows.tolist() == again.rows.tolist() == fresh.rows.tolist()
    assert first.scores.tolist() == again.scores.tolist()
    assert notes == notes_again


@every_rule
@given(rows=lists, k=st.integers(1, 40))
def test_the_input_is_not_written_to(name, rows, k):
    slate = slate_of(rows)
    for column in (slate.rows, slate.scores):
        column.flags.writeable = False  # as it arrives from the wire
    RULES[name]().apply(slate, query_of(slate, k))


@every_rule
@given(rows=lists, k=st.integers(1, 40))
def test_notes_are_for_those_who_ask_and_name_the_rule(name, rows, k):
    slate = slate_of(rows)
    query = query_of(slate, k)
    rule = RULES[name]()
    result, notes = rule.apply(slate, query)
    silent, none = rule.apply(slate, replace(query, explain=False))
    assert none == ()
    assert silent.rows.tolist() == result.rows.tolist()
    assert {note.rule for note in notes} <= {rule.name}
    assert {note.effect for note in notes} <= {"removed", "moved", "boosted", "pinned"}
    assert {note.row for note in notes} <= {*rows, *result.rows.tolist()}


@every_rule
@given(rows=lists, k=st.integers(1, 40))
def test_what_disappears_has_a_note(name, rows, k):
    slate = slate_of(rows)
    result, notes = RULES[name]().apply(slate, query_of(slate, k))
    gone = set(rows) - set(result.rows.tolist())
    assert {note.row for note in notes if note.effect == "removed"} == gone


@every_rule
def test_an_empty_list_stays_empty_but_for_pins(name):
    result, _ = RULES[name]().apply(slate_of([]), query_of(slate_of([]), 10))
    assert set(result.rows.tolist()) == MAY_ADD.get(name, set())
