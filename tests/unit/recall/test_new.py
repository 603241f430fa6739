"""New items: who fits, who was hardly shown, and who moves towards its first clickers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from services.domain.arrays import F32
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.domain.inline import InlineItems
from services.domain.live import NOTHING_LIVE, FreshItems, Live
from services.domain.stages import RecallQuery
from services.recall.channels.new import EXPLORED, New
from services.recall.first_clickers import FIRST, FirstClickers
from services.recall.user_vectors import UserVectors
from services.statistics.decay import Decayed

RELEASE = 5  # items of the release
ANGLES = np.linspace(0.1, 1.5, 12)


class Compass(UserVectors):
    """Users named by the angle they look at."""

    def __init__(self) -> None:
        """Needs no tower."""

    def of(self, queries: Sequence[RecallQuery]) -> F32:
        return directions([float(query.context.user_id) for query in queries])


def directions(angles: Sequence[float]) -> F32:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def fresh_items(vectors: F32) -> FreshItems:
    ids = sorted((f"n{i}" for i in range(len(vectors))), key=lambda one: item_keys([one])[0])
    items = InlineItems(tuple(ids), vectors, np.zeros((len(ids), 1), np.float32))
    return FreshItems(items, item_keys(ids), ((),) * len(ids), ((),) * len(ids))


def shown(live: Live, counts: Sequence[int]) -> Live:
    """With so many impressions of each new item."""
    counted = Decayed(RELEASE + len(live.fresh))
    for place, count in enumerate(counts):
        row = RELEASE + len(live.fresh) - 1 - place
        counted.add(np.full(count, row), False, np.full(count, 1000))
    return replace(live, statistics=counted.features(1000))


def user(angle: float, *clicked: int, event: EventType = EventType.CLICK) -> RecallQuery:
    keys = FRESH.keys[list(clicked)]
    history = History(
        keys,
        np.ones(len(keys), np.uint32),
        np.full(len(keys), event, np.uint8),
        np.zeros(len(keys), np.float32),
    )
    context = UserContext(str(angle), known=True, history=history)
    return RecallQuery("r", context, RequestContext(now=0), 10, 1.0)


FRESH = fresh_items(directions(ANGLES.tolist()))
LIVE = Live(FRESH)


def places(channel: New, query: RecallQuery, limit: int, live: Live = LIVE) -> list[int]:
    (found,) = channel.fetch([query], [limit], live)
    return [-1 - row for row in found.rows.tolist()]


def test_items_shown_enough_are_ordered_by_fit_alone() -> None:
    live = shown(LIVE, [60] * len(FRESH))
    (found,) = New(Compass()).fetch([user(0.1)], [100], live)
    assert (-1 - found.rows).tolist() == list(range(len(FRESH)))
    np.testing.assert_allclose(found.scores, np.cos(ANGLES - 0.1), atol=1e-6)


def test_every_third_place_is_for_an_item_hardly_shown() -> None:
    counts = [60] * len(FRESH)
    counts[9], counts[10] = 3, 0
    assert places(New(Compass()), user(0.1), 8, shown(LIVE, counts)) == [0, 1, 10, 2, 3, 9, 4, 5]


def test_an_item_on_the_floor_has_the_score_of_the_one_before_it() -> None:
    counts = [60] * len(FRESH)
    counts[11] = 0
    (found,) = New(Compass()).fetch([user(0.1)], [4], shown(LIVE, counts))
    cosines = np.cos(ANGLES - 0.1)
    assert (-1 - found.rows).tolist() == [0, 1, 11, 2]
    np.testing.assert_allclose(found.scores, cosines[[0, 1, 1, 2]], atol=1e-6)


def test_users_explore_different_items() -> None:
    first = {places(New(None), user(angle), 1)[0] for angle in np.linspace(0, 3, 100)}
    assert first == set(range(len(FRESH)))


def test_an_item_without_direction_is_on_the_floor_alone() -> None:
    vectors = FRESH.items.vectors.copy()
    vectors[4] = 0.0
    live = Live(replace(FRESH, items=replace(FRESH.items, vectors=vectors)))
    counts = [60] * len(FRESH)
    assert 4 not in places(New(Compass()), user(0.1), 100, shown(live, counts))
    counts[4] = 0
    assert places(New(Compass()), user(0.1), 3, shown(live, counts))[2] == 4


def test_without_a_user_tower_only_the_floor_is_left() -> None:
    counts = [60] * len(FRESH)
    counts[7] = 1
    assert places(New(None), user(0.1), 100, shown(LIVE, counts)) == [7]
    assert sorted(places(New(None), user(0.1), 100)) == list(range(len(FRESH)))


def test_explored_is_a_matter_of_impressions() -> None:
    counts = [60] * len(FRESH)
    counts[7] = int(EXPLORED) - 1
    counts[8] = int(EXPLORED) + 1
    assert places(New(None), user(0.1), 100, shown(LIVE, counts)) == [7]


def test_nothing_new_is_nothing_found() -> None:
    (found,) = New(Compass()).fetch([user(0.1)], [10], NOTHING_LIVE)
    assert len(found.rows) == len(found.scores) == 0


def test_a_smaller_limit_is_the_beginning_of_a_larger_one() -> None:
    counts = np.arange(len(FRESH)) * 7
    live = shown(LIVE, counts.tolist())
    every = places(New(Compass()), user(0.7), 100, live)
    for limit in range(len(every) + 1):
        assert places(New(Compass()), user(0.7), limit, live) == every[:limit]


def moved(clickers: FirstClickers, *queries: RecallQuery, fresh: FreshItems = FRESH) -> F32:
    return clickers.moved(queries, Compass().of(queries), fresh)


def test_an_item_moves_towards_the_users_who_clicked_it() -> None:
    vectors = moved(FirstClickers(), user(1.5, 0), user(1.4, 0, 3), user(0.2))
    expected = FRESH.items.vectors.copy()
    expected[0] = (5 * expected[0] + directions([1.5, 1.4]).sum(axis=0)) / 7
    expected[3] = (5 * expected[3] + directions([1.4])[0]) / 6
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_a_user_counts_once_and_only_for_interest() -> None:
    clickers = FirstClickers()
    once = moved(clickers, user(1.5, 0)).copy()
    np.testing.assert_array_equal(moved(clickers, user(1.5, 0), user(1.5, 0)), once)
    shunned = user(1.2, 0, event=EventType.DISMISS)
    merely_shown = user(1.3, 0, event=EventType.IMPRESSION)
    np.testing.assert_array_equal(moved(clickers, shunned, merely_shown), once)


def test_only_the_first_clickers_count() -> None:
    clickers = FirstClickers()
    first = moved(clickers, *(user(1.0 + i / 100, 0) for i in range(FIRST))).copy()
    np.testing.assert_array_equal(moved(clickers, user(0.5, 0)), first)


def test_clickers_are_kept_while_an_item_is_new() -> None:
    clickers = FirstClickers()
    before = moved(clickers, user(1.5, 0), user(1.4, 3)).copy()
    last = np.arange(3, len(FRESH))
    fewer = FreshItems(FRESH.items.take(last), FRESH.keys[last])
    np.testing.assert_array_equal(moved(clickers, user(0.2), fresh=fewer), before[last])
    again = moved(clickers, user(0.2))
    np.testing.assert_array_equal(again[0], FRESH.items.vectors[0])
    np.testing.assert_array_equal(again[3], before[3])


def test_lookalikes_find_what_users_like_them_clicked() -> None:
    channel, live = New(Compass()), shown(LIVE, [60] * len(FRESH))
    far, near = user(1.5), [user(1.5 + i / 1000, 0) for i in range(20)]
    assert places(channel, far, 1, live) == [len(FRESH) - 1]
    channel.fetch(near, [1] * len(near), live)
    order = places(channel, far, 100, live)
    assert order.index(0) < order.index(6)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_batch_of_no_one(limit: int) -> None:
    assert New(Compass()).fetch([], [], LIVE) == []
    assert places(New(Compass()), user(0.1), limit) == places(New(Compass()), user(0.1), 9)[:limit]
