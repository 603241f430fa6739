"""Laws of the merge."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.arrays import F32, I32, Bools
from services.domain.context import RequestContext, UserContext
from services.domain.live import NOTHING_LIVE, Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall import merge

ITEMS, FRESH = 30, 6
ROWS = ITEMS + FRESH
CHANNELS = 3


@dataclass(frozen=True)
class Case:
    """What three channels found, what may be kept, and what is wanted."""

    found: list[Fetched]
    allowed: frozenset[int]
    quotas: list[int]
    limit: int

    def survivors(self, channel: int) -> list[int]:
        return [row for row in self.found[channel].rows.tolist() if row in self.allowed]

    def within_quota(self) -> set[int]:
        return {r for c in range(CHANNELS) for r in self.survivors(c)[: self.quotas[c]]}


class Allowed:
    """Filter: only some rows."""

    def __init__(self, name: str, rows: frozenset[int]) -> None:
        self.name = name
        self._rows = list(rows)

    def apply(self, rows: I32, query: RecallQuery, live: Live) -> Bools:
        return np.isin(rows, self._rows)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = st.lists(st.integers(-FRESH, ITEMS - 1), unique=True, max_size=ROWS)
    found = []
    for _ in range(CHANNELS):
        these = draw(rows)
        scores = np.linspace(1, 0.1, len(these), dtype=np.float32)
        found.append(Fetched(np.array(these, np.int32), scores))
    return Case(
        found,
        draw(st.frozensets(st.integers(-FRESH, ITEMS - 1))),
        draw(st.lists(st.integers(0, ITEMS), min_size=CHANNELS, max_size=CHANNELS)),
        draw(st.integers(1, ITEMS)),
    )


def query(explain: bool = False) -> RecallQuery:
    return RecallQuery("r", UserContext.unknown("u"), RequestContext(now=0), 10, 1.0, explain)


def quotas(case: Case) -> F32:
    return np.array(case.quotas, np.float32)


@given(cases())
def test_the_list_is_as_long_as_it_can_be_and_has_no_item_twice(case: Case) -> None:
    pool = merge.pool(case.found, ROWS)
    keep, _ = merge.passing(pool, [Allowed("allowed", case.allowed)], query(), NOTHING_LIVE)
    candidates, _ = merge.merged(pool, keep, quotas(case), case.limit)
    union = {row for channel in range(CHANNELS) for row in case.survivors(channel)}
    rows = candidates.rows.tolist()
    assert len(rows) == len(set(rows)) == min(case.limit, len(union))
    assert set(rows) <= union


@given(cases())
def test_items_within_a_quota_come_before_those_that_fill_up(case: Case) -> None:
    pool = merge.pool(case.found, ROWS)
    keep, _ = merge.passing(pool, [Allowed("allowed", case.allowed)], query(), NOTHING_LIVE)
    candidates, _ = merge.merged(pool, keep, quotas(case), case.limit)
    inside = case.within_quota()
    assert set(candidates.rows[: len(inside)].tolist()) <= inside
    if case.limit >= len(inside):
        assert inside <= set(candidates.rows.tolist())


@given(cases())
def test_each_channel_keeps_its_own_order(case: Case) -> None:
    """An item can only move up by another channel, so a channel's own items stay in order."""
    pool = merge.pool(case.found, ROWS)
    keep, _ = merge.passing(pool, [Allowed("allowed", case.allowed)], query(), NOTHING_LIVE)
    candidates, _ = merge.merged(pool, keep, quotas(case), case.limit)
    place = {row: i for i, row in enumerate(candidates.rows.tolist())}
    for channel in range(CHANNELS):
        others = {r for c in range(CHANNELS) if c != channel for r in case.survivors(c)}
        own = [place[r] for r in case.survivors(channel) if r in place and r not in others]
        assert own == sorted(own)


@given(cases())
def test_bits_and_scores_tell_who_recalled_an_item(case: Case) -> None:
    pool = merge.pool(case.found, ROWS)
    keep, _ = merge.passing(pool, [Allowed("allowed", case.allowed)], query(), NOTHING_LIVE)
    candidates, _ = merge.merged(pool, keep, quotas(case), case.limit)
    inside = case.within_quota()
    for i, row in enumerate(candidates.rows.tolist()):
        for channel, found in enumerate(case.found):
            survivors = case.survivors(channel)
            counted = survivors[: case.quotas[channel]] if row in inside else survivors
            assert bool(candidates.channels[i] >> channel & 1) == (row in counted)
            here = found.scores[found.rows == row]
            expected = here[0] if row in counted else 0.0
            assert candidates.recall_scores[i, channel] == expected


@given(cases())
def test_an_explained_query_accounts_for_every_item_found(case: Case) -> None:
    pool = merge.pool(case.found, ROWS)
    odd = frozenset(row for row in range(-FRESH, ITEMS) if row % 2)
    filters = [Allowed("odd", odd), Allowed("allowed", case.allowed)]
    keep, dropped = merge.passing(pool, filters, query(explain=True), NOTHING_LIVE)
    candidates, index = merge.merged(pool, keep, quotas(case), case.limit)
    dropped += merge.taken(pool, merge.left_out(keep, index), "quota")
    parts = [candidates.rows.tolist(), *(d.rows.tolist() for d in dropped)]
    found = {row for one in case.found for row in one.rows.tolist()}
    assert sorted(row for part in parts for row in part) == sorted(found)
    for one in dropped:
        assert len(one.rows)
        for row, bits in zip(one.rows.tolist(), one.channels.tolist(), strict=True):
            assert bits == sum(1 << c for c, f in enumerate(case.found) if row in f.rows)
            assert (one.reason == "odd") == (row not in odd)


def test_the_pool_has_each_item_once_where_it_appeared_first() -> None:
    found = [
        Fetched(np.array([7, 2], np.int32), np.array([0.9, 0.8], np.float32)),
        Fetched(np.array([2, 5, 7], np.int32), np.array([0.3, 0.2, 0.1], np.float32)),
    ]
    pool = merge.pool(found, 8)
    assert pool.rows.tolist() == [7, 2, 5]
    assert pool.places.tolist() == [0, 1, 1, 2, 0]
    assert pool.sizes.tolist() == [2, 3]
    assert pool.scores.tolist() == [score for f in found for score in f.scores.tolist()]


def test_new_items_are_beside_those_of_the_release() -> None:
    found = [
        Fetched(np.array([-1, 7], np.int32), np.array([0.9, 0.8], np.float32)),
        Fetched(np.array([7, -2, 6, -1], np.int32), np.array([0.4, 0.3, 0.2, 0.1], np.float32)),
    ]
    pool = merge.pool(found, 8 + 2)
    assert pool.rows.tolist() == [-1, 7, -2, 6]
    assert pool.places.tolist() == [0, 1, 1, 2, 3, 0]


def test_items_are_chosen_by_their_best_place_and_ordered_by_all_their_places() -> None:
    found = [
        Fetched(np.array([1, 2, 3, 4], np.int32), np.ones(4, np.float32)),
        Fetched(np.array([5, 4], np.int32), np.ones(2, np.float32)),
    ]
    pool, every = merge.pool(found, 6), np.ones(5, np.bool_)
    candidates, _ = merge.merged(pool, every, np.array([4, 2], np.float32), limit=5)
    # 4/9 + 2/7, 4/6, 4/7, 4/8, 2/6: quota / (5 + place)
    assert candidates.rows.tolist() == [4, 1, 2, 3, 5]
    assert candidates.channels.tolist() == [3, 1, 1, 1, 2]
    # 1/4, then 2/4 before the equal 1/2 of the later channel; 4/4 = 2/2 comes last.
    fewer, _ = merge.merged(pool, every, np.array([4, 2], np.float32), limit=4)
    assert set(fewer.rows.tolist()) == {1, 2, 5, 3}


def test_without_explain_nothing_is_reported() -> None:
    found = [Fetched(np.array([1, 2], np.int32), np.ones(2, np.float32))]
    _, dropped = merge.passing(
        merge.pool(found, 3), [Allowed("none", frozenset())], query(), NOTHING_LIVE
    )
    assert dropped == ()


@pytest.mark.parametrize("limit", [1, 10])
def test_a_failed_channel_leaves_its_place_to_the_others(limit: int) -> None:
    found = [merge.NOTHING, Fetched(np.arange(10, dtype=np.int32), np.ones(10, np.float32))]
    pool = merge.pool(found, 10)
    candidates, _ = merge.merged(pool, np.ones(10, np.bool_), np.array([5, 5], np.float32), limit)
    assert candidates.rows.tolist() == list(range(limit))
    assert set(candidates.channels.tolist()) == {2}


def test_nothing_found_is_an_empty_list() -> None:
    pool = merge.pool([merge.NOTHING, merge.NOTHING], 10)
    candidates, _ = merge.merged(pool, np.ones(0, np.bool_), np.array([5, 5], np.float32), 10)
    assert len(candidates) == 0
    assert candidates.recall_scores.shape == (0, 2)
