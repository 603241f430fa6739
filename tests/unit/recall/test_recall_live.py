"""Recall while items come and go and a user has seen almost everything."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from services.domain.arrays import U64
from services.domain.bloom import BloomFilter
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.events import EventType
from services.domain.ids import item_key
from services.domain.live import STATISTICS, Live
from services.domain.stages import (
    Recalled,
    RecallQuery,
    SimilarQuery,
)
from services.items.record import ItemRecord
from services.recall.model import MOST_NEW, RecallModel
from services.recall.pipeline import open_recall
from services.recall.seen import expected_loss
from services.recall.settings import RecallSettings
from services.statistics.snapshot import Snapshot
from tests.releases import release

__all__ = ["release"]

NOW = 1000
NOTHING = Snapshot(0)


@pytest.fixture
def model(release: Path) -> RecallModel:
    return open_recall(release, RecallSettings(channel_timeout=60.0))


@pytest.fixture
def catalog(release: Path) -> Catalog:
    schema = FeatureSchema.read(release)
    return Catalog(release, schema.categories, schema.tags)


def live_of(model: RecallModel, *records: ItemRecord, snapshot: Snapshot = NOTHING) -> Live:
    model.items.apply({record.key: record for record in records}, NOW)
    return model.items.live(snapshot)


def put(item_id: str, *categories: str) -> ItemRecord:
    return ItemRecord(item_id, categories=categories, born=5, put_at=5)


def query(limit: int, context: UserContext | None = None, **request: object) -> RecallQuery:
    context = context or UserContext("u", known=True)
    return RecallQuery("r", context, RequestContext(NOW, **request), limit, 60.0)  # type: ignore[arg-type]


async def recalled(model: RecallModel, asked: RecallQuery, live: Live) -> Recalled:
    (outcome,) = await model.run([asked], live)
    assert outcome.value is not None
    return outcome.value


def keys_of(one: Recalled, catalog: Catalog) -> list[int]:
    """Keys of the candidates."""
    inline = one.candidates.inline.keys
    rows = one.candidates.rows
    return [int(catalog.keys[row] if row >= 0 else inline[-1 - row]) for row in rows.tolist()]


async def test_new_items_are_recalled_with_what_the_next_stages_need(
    model: RecallModel, catalog: Catalog
) -> None:
    names = catalog.categories(0)
    live = live_of(model, put("n1", *names), put("n2", *names))
    one = await recalled(model, query(50), live)
    assert set(one.candidates.inline.ids) == {"n1", "n2"}
    assert sorted(one.candidates.rows[one.candidates.rows < 0].tolist()) == [-2, -1]
    assert len(one.candidates) == 50
    channel = model.channels.index("new")
    newer = one.candidates.channels[one.candidates.rows < 0]
    assert ((newer >> np.uint32(channel)) & 1 == 1).all()
    np.testing.assert_allclose(np.linalg.norm(one.candidates.inline.vectors, axis=1), 1, atol=1e-5)
    report = one.reports[channel]
    assert (report.channel, report.fetched, report.kept) == ("new", 2, 2)


async def test_statistics_come_with_the_candidates(model: RecallModel, catalog: Catalog) -> None:
    keys = np.sort(np.append(catalog.keys[:5], np.uint64(item_key("n1"))))
    values = np.arange(1, 37, dtype=np.float32).reshape(6, len(STATISTICS))
    trending = catalog.keys[[3, 1]]
    snapshot = Snapshot(NOW, keys, values, trending, np.array([2, 1], np.float32))
    live = live_of(model, put("n1", *catalog.categories(0)), snapshot=snapshot)
    one = await recalled(model, query(len(catalog) + 1), live)
    assert one.candidates.statistics.shape == (len(catalog) + 1, len(STATISTICS))
    known = dict(zip(keys.tolist(), values, strict=True))
    expected = [known.get(key, np.zeros(len(STATISTICS))) for key in keys_of(one, catalog)]
    np.testing.assert_array_equal(one.candidates.statistics, expected)
    assert one.reports[model.channels.index("trending")].fetched == 2


async def test_without_a_snapshot_there_are_no_statistics(model: RecallModel) -> None:
    one = await recalled(model, query(10), live_of(model))
    assert one.candidates.statistics.size == 0


async def test_hidden_items_are_in_no_list_and_are_made_up_for(
    model: RecallModel, catalog: Catalog
) -> None:
    before = await recalled(model, query(30), live_of(model))
    hidden = [catalog.ids[row] for row in before.candidates.rows.tolist()]
    live = live_of(model, *(ItemRecord(one, hidden=True) for one in hidden))
    asked = replace(query(30), explain=True)
    one = await recalled(model, asked, live)
    assert len(one.candidates) == 30
    assert not set(one.candidates.rows.tolist()) & set(before.candidates.rows.tolist())
    assert "hidden" in {dropped.reason for dropped in one.dropped}


async def test_a_filter_finds_every_item_it_should(model: RecallModel, catalog: Catalog) -> None:
    name = catalog.categories(7)[0]
    live = live_of(model, put("n1", name), put("n2"), put(catalog.ids[7], "another"))
    one = await recalled(model, query(len(catalog) + 2, categories=(name,)), live)
    rows = set(np.flatnonzero(catalog.rows_in([name])).tolist()) - {7}
    assert {row for row in one.candidates.rows.tolist() if row >= 0} == rows
    assert one.candidates.inline.ids == ("n1",)


async def test_a_filter_that_matches_nothing_fetches_nothing(model: RecallModel) -> None:
    for asked in (query(10, categories=("unheard of",)), query(10, tags=("unheard of",))):
        one = await recalled(model, asked, live_of(model))
        assert len(one.candidates) == 0
        assert {report.fetched for report in one.reports} == {0}


def seen_all(keys: U64, *, recent: U64, history: History | None = None) -> UserContext:
    """A user whose Bloom filter has all keys."""
    old = BloomFilter.empty(1 << 16, 10).added(keys)
    return UserContext("u", True, {}, history or History.empty(), Seen(recent, (old,)))


async def test_a_catalog_that_was_seen_is_shown_again_oldest_first(
    model: RecallModel, catalog: Catalog
) -> None:
    keys = np.asarray(catalog.keys)
    context = seen_all(keys, recent=keys[:-3])
    one = await recalled(model, replace(query(20, context), at_least=5), live_of(model))
    assert one.repeats == len(one.candidates) == 5
    assert set(keys_of(one, catalog)[:3]) == set(keys[-3:].tolist())
    assert keys_of(one, catalog)[3:] == keys[[-4, -5]].tolist()


async def test_repeats_and_the_loss_by_bloom_filters_are_counted(
    model: RecallModel, catalog: Catalog
) -> None:
    keys = np.asarray(catalog.keys)
    crowded = BloomFilter.empty(1 << 10, 2).added(keys)
    context = UserContext("u", True, {}, History.empty(), Seen(keys[:0], (crowded,)))
    names = ("repeated_items", "exhausted_queries", "bloom_lost_items", "seen_dropped_items")
    before = [_counted(name) for name in names]
    asked = replace(query(20, seen_all(keys, recent=keys)), at_least=5)
    await recalled(model, asked, live_of(model))
    live = live_of(model, *(put(f"n{i}", *catalog.categories(0)) for i in range(100)))
    one = await recalled(model, query(200, context), live)
    grown = [_counted(name) - was for name, was in zip(names, before, strict=True)]
    assert grown[:2] == [5, 1]
    assert grown[2] == pytest.approx(expected_loss(len(one.candidates), context.seen))
    assert grown[2] > 1
    assert grown[3] > 1


def _counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"recstack_recall_{name}_total") or 0.0


async def test_what_is_left_comes_before_what_was_seen(
    model: RecallModel, catalog: Catalog
) -> None:
    keys = np.asarray(catalog.keys)
    context = seen_all(keys[4:], recent=keys[4:])
    one = await recalled(model, replace(query(20, context), at_least=6), live_of(model))
    assert set(keys_of(one, catalog)[:4]) == set(keys[:4].tolist())
    assert (one.repeats, len(one.candidates)) == (2, 6)


async def test_nothing_is_repeated_while_enough_is_left_or_nobody_asks(
    model: RecallModel, catalog: Catalog
) -> None:
    keys = np.asarray(catalog.keys)
    for seen, at_least, expected in ((keys, 0, 0), (keys[10:], 10, 10)):
        context = seen_all(seen, recent=seen)
        one = await recalled(model, replace(query(20, context), at_least=at_least), live_of(model))
        assert (one.repeats, len(one.candidates)) == (0, expected)


async def test_dismissed_excluded_hidden_and_unwanted_items_are_not_repeated(
    model: RecallModel, catalog: Catalog
) -> None:
    keys = np.asarray(catalog.keys)
    name = catalog.categories(7)[0]
    wanted = np.flatnonzero(catalog.rows_in([name]))
    dismissed, excluded, hidden = wanted[:3].tolist()
    history = History(
        keys[[dismissed]],
        np.ones(1, np.uint32),
        np.array([EventType.DISMISS], np.uint8),
        np.zeros(1, np.float32),
    )
    context = seen_all(keys, recent=keys, history=history)
    asked = query(len(catalog), context, categories=(name,), exclude=keys[[excluded]])
    live = live_of(model, ItemRecord(catalog.ids[hidden], hidden=True))
    one = await recalled(model, replace(asked, at_least=len(catalog), explain=True), live)
    assert sorted(one.candidates.rows.tolist()) == wanted[3:].tolist()
    reasons = {row: dropped.reason for dropped in one.dropped for row in dropped.rows.tolist()}
    assert [reasons[row] for row in (dismissed, excluded, hidden)] == ["seen", "excluded", "hidden"]


async def test_an_explanation_names_new_items_that_were_dropped(
    model: RecallModel, catalog: Catalog
) -> None:
    names = catalog.categories(0)
    live = live_of(model, put("n1", *names), put("n2", *names))
    key = np.array([item_key("n1")], np.uint64)
    one = await recalled(model, replace(query(20, exclude=key), explain=True), live)
    (dropped,) = [dropped for dropped in one.dropped if dropped.reason == "excluded"]
    assert [one.candidates.inline.ids[-1 - row] for row in dropped.rows.tolist()] == ["n1"]


async def test_no_state_lets_an_unwanted_item_through(model: RecallModel, catalog: Catalog) -> None:
    """Random states: what comes out was allowed, and is all there is when everything is asked."""
    ids = [catalog.ids[row] for row in range(len(catalog))] + [f"n{i}" for i in range(20)]
    keys = np.array([item_key(one) for one in ids], np.uint64)
    names = catalog.categories(0)
    live_of(model, *(put(f"n{i}", *names) for i in range(20)))
    for seed in range(25):
        draw = np.random.default_rng(seed)
        hidden, shown, excluded = (draw.random(len(ids)) < share for share in (0.2, 0.5, 0.1))
        records = [
            replace(put(one, *names) if row >= len(catalog) else ItemRecord(one), hidden=bool(out))
            for row, (one, out) in enumerate(zip(ids, hidden, strict=True))
        ]
        live = live_of(model, *records)
        context = UserContext("u", True, seen=Seen(keys[shown]))
        one = await recalled(model, query(len(ids), context, exclude=keys[excluded]), live)
        assert set(keys_of(one, catalog)) == set(keys[~hidden & ~shown & ~excluded].tolist())


async def test_an_answer_has_so_many_new_items_and_no_more(release: Path, catalog: Catalog) -> None:
    model = open_recall(release, RecallSettings(channel_timeout=60.0))
    names = catalog.categories(0)
    live = live_of(model, *(put(f"n{i}", *names) for i in range(MOST_NEW + 50)))
    asked = replace(query(1000, categories=names), explain=True)
    one = await recalled(model, asked, live)
    rows = one.candidates.rows
    assert np.count_nonzero(rows < 0) == MOST_NEW
    assert set(rows[rows >= 0].tolist()) == set(np.flatnonzero(catalog.rows_in(names)).tolist())
    assert sum(len(dropped.rows) for dropped in one.dropped if dropped.reason == "quota") == 50


async def test_a_new_item_has_similar_ones_and_is_one(model: RecallModel, catalog: Catalog) -> None:
    names = catalog.categories(0)
    live = live_of(model, put("n1", *names), put("n2", *names), put("n3"))
    for item in ("n1", catalog.ids[0]):
        (outcome,) = await model.similar.run([SimilarQuery("r", item_key(item), 500, 1.0)], live)
        assert outcome.value is not None
        rows, inline = outcome.value.rows.tolist(), outcome.value.inline.ids
        found = [inline[-1 - row] if row < 0 else catalog.ids[row] for row in rows]
        assert "n2" in found
        assert item not in found
        assert (np.diff(outcome.value.scores) <= 0).all()
    assert found.index("n2") < found.index("n3")


async def test_similar_items_leave_out_hidden_ones(model: RecallModel, catalog: Catalog) -> None:
    live = live_of(model, ItemRecord(catalog.ids[5], hidden=True))
    asked = SimilarQuery("r", int(catalog.keys[0]), len(catalog), 1.0)
    (outcome,) = await model.similar.run([asked], live)
    assert outcome.value is not None
    assert 5 not in outcome.value.rows.tolist()


async def test_an_unknown_item_has_no_similar_ones(model: RecallModel) -> None:
    (outcome,) = await model.similar.run([SimilarQuery("r", 12345, 5, 1.0)], live_of(model))
    assert outcome.failure is not None
    assert outcome.failure.message == "key: release r has no item with key 12345"
