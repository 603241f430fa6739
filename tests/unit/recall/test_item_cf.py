"""The itemCF channel against the sum it stands for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.schema.catalog import Catalog
from models.schema.item_cf import ItemCf, best_sums
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.domain.live import NOTHING_LIVE
from services.domain.stages import RecallQuery
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.histories import Histories
from tests.unit.recall.items import ITEMS

LENGTH = 4
RECENCY = 0.7
EVENTS = [EventType.CLICK, EventType.LIKE, EventType.PURCHASE, EventType.DWELL]
Event = tuple[int, EventType]


def neighbours(seed: int) -> ItemCf:
    """Tables of up to 5 neighbours, scores best first."""
    generator = np.random.default_rng(seed)
    rows = np.full((ITEMS, 5), -1, np.int32)
    scores = np.zeros((ITEMS, 5), np.float32)
    for row in range(ITEMS):
        count = int(generator.integers(0, 6))
        rows[row, :count] = generator.permutation(ITEMS)[:count]
        scores[row, :count] = np.sort(generator.random(count))[::-1]
    return ItemCf(rows, scores, RECENCY)


def query(events: list[Event]) -> RecallQuery:
    """A user with these events, newest first; items beyond the catalog are unknown to it."""
    history = History(
        item_keys(str(row) for row, _ in events),
        np.arange(len(events), 0, -1).astype(np.uint32),
        np.array([event for _, event in events], np.uint8),
        np.zeros(len(events), np.float32),
    )
    context = UserContext("u", known=True, history=history)
    return RecallQuery("r", context, RequestContext(now=0), 10, 1.0)


def brute_force(tables: ItemCf, events: list[Event]) -> dict[int, float]:
    """Score of each item, straight from the definition."""
    engaged = [row for row, event in events if event in EVENTS and row < ITEMS][:LENGTH]
    sums: dict[int, float] = {}
    for place, row in enumerate(engaged):
        for neighbour, score in zip(tables.rows[row], tables.scores[row], strict=True):
            if neighbour >= 0:
                weight = (1 + place) ** -RECENCY
                sums[int(neighbour)] = sums.get(int(neighbour), 0.0) + weight * float(score)
    return sums


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, ITEMS + 3), st.sampled_from(list(EventType))), max_size=8
        ),
        max_size=4,
    ),
    st.integers(0, 3),
    st.integers(1, ITEMS),
)
def test_equals_the_weighted_sum(
    catalog: Catalog, histories: list[list[Event]], seed: int, limit: int
) -> None:
    tables = neighbours(seed)
    channel = ItemCfChannel(Histories(catalog, LENGTH), tables)
    fetched = channel.fetch(
        [query(events) for events in histories], [limit] * len(histories), NOTHING_LIVE
    )
    for events, found in zip(histories, fetched, strict=True):
        expected = brute_force(tables, events)
        assert len(found.rows) == min(limit, len(expected))
        best = sorted(expected.values(), reverse=True)[:limit]
        np.testing.assert_allclose(found.scores, best, rtol=1e-5)
        mine = [expected[row] for row in found.rows.tolist()]
        np.testing.assert_allclose(found.scores, mine, rtol=1e-5)


def test_a_dismissed_item_recommends_nothing(catalog: Catalog) -> None:
    channel = ItemCfChannel(Histories(catalog, LENGTH), neighbours(1))
    (row,) = np.flatnonzero(neighbours(1).rows[:, 0] >= 0)[:1].tolist()
    liked, dismissed = channel.fetch(
        [query([(row, EventType.LIKE)]), query([(row, EventType.DISMISS)])], [5, 5], NOTHING_LIVE
    )
    assert len(liked.rows)
    assert not len(dismissed.rows)


def test_sums_are_the_same_for_few_items_and_for_many() -> None:
    generator = np.random.default_rng(2)
    rows = generator.integers(-1, 40, 500).astype(np.int32)
    values = generator.normal(size=500).astype(np.float32)
    few, many = (best_sums(rows, values, count, 30) for count in (40, 1_000_000))
    assert len(few[0])
    for mine, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(mine, other)
