"""Laws of recall channels, over every implementation of CandidateSource."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models.schema.catalog import Catalog
from models.schema.manifest import Manifest
from services.domain.arrays import U64
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.live import NOTHING_LIVE, Live
from services.domain.protocols import CandidateSource, Fetched
from services.domain.stages import RecallQuery
from services.items.record import ItemRecord
from services.recall.pipeline import CHANNELS, Channel, open_recall
from services.recall.settings import RecallSettings
from services.recall.tables import open_tables
from services.statistics.snapshot import Snapshot
from tests.releases import release

__all__ = ["release"]

SETTINGS = RecallSettings()
FRESH, TRENDING = 6, 8  # new items, and items that are trending
EVERYTHING = {"two_tower", "popular"}  # know every item of the release
ANYONE = {"two_tower": 20, "popular": 20, "new": FRESH, "trending": TRENDING}
"""Channels that answer users without history, and how many of 20 items they have for them."""


@dataclass(frozen=True)
class Suite:
    """A channel, the catalog it recalls from, and what changed since."""

    source: CandidateSource
    catalog: Catalog
    live: Live

    def fetch(self, queries: list[RecallQuery], limits: list[int]) -> list[Fetched]:
        return self.source.fetch(queries, limits, self.live)

    def query(self, seed: int, length: int) -> RecallQuery:
        """A user with `length` events on items of the catalog."""
        generator = np.random.default_rng(seed)
        rows = generator.integers(0, len(self.catalog), length)
        return query_of(np.asarray(self.catalog.keys)[rows])


def query_of(keys: U64) -> RecallQuery:
    length = len(keys)
    history = History(
        keys,
        np.arange(length, 0, -1).astype(np.uint32),
        np.full(length, EventType.CLICK, np.uint8),
        np.zeros(length, np.float32),
    )
    context = UserContext("u", known=True, history=history)
    return RecallQuery("r", context, RequestContext(now=0), 10, 1.0)


@pytest.fixture(scope="module")
def live(release: Path) -> Live:
    """New items like those of the release, and the first items trending."""
    items, catalog = open_recall(release, SETTINGS).items, open_tables(release, SETTINGS).catalog
    new = [
        ItemRecord(f"new {row}", categories=catalog.categories(row), born=1, put_at=1)
        for row in range(FRESH)
    ]
    items.apply({record.key: record for record in new}, now=1)
    scores = np.linspace(2, 1, TRENDING).astype(np.float32)
    trending = np.append(catalog.keys[: TRENDING - 1], np.uint64(new[0].key))
    return items.live(Snapshot(1, trending_keys=trending, trending_scores=scores))


@pytest.fixture(params=CHANNELS, ids=lambda channel: channel.name)
def suite(request: pytest.FixtureRequest, release: Path, live: Live) -> Suite:
    channel: Channel = request.param
    tables = open_tables(release, SETTINGS)
    return Suite(channel.open(tables), tables.catalog, live)


def test_items_are_distinct_within_the_release_and_at_most_as_many_as_wanted(suite: Suite) -> None:
    limits = [0, 1, 7, 40, len(suite.catalog), 10 * len(suite.catalog)]
    queries = [suite.query(seed, 5) for seed in range(len(limits))]
    for limit, found in zip(limits, suite.fetch(queries, limits), strict=True):
        assert found.rows.dtype == np.int32
        assert len(found.rows) == len(set(found.rows.tolist())) <= limit
        assert ((found.rows >= -FRESH) & (found.rows < len(suite.catalog))).all()


def test_what_knows_every_item_can_give_every_item(suite: Suite) -> None:
    if suite.source.name not in EVERYTHING:
        pytest.skip("knows some items only; its unit test compares them with the definition")
    count = len(suite.catalog)
    (found,) = suite.fetch([suite.query(1, 5)], [count])
    assert sorted(found.rows.tolist()) == list(range(count))


def test_the_best_come_first_each_with_a_finite_score(suite: Suite) -> None:
    for found in suite.fetch([suite.query(1, 5), suite.query(2, 50)], [50, 50]):
        assert found.scores.dtype == np.float32
        assert found.scores.shape == found.rows.shape
        assert len(found.scores)
        assert np.isfinite(found.scores).all()
        assert (np.diff(found.scores) <= 0).all()


def test_a_smaller_limit_is_the_beginning_of_a_larger_one(suite: Suite) -> None:
    few, many = suite.fetch([suite.query(1, 5)] * 2, [7, 30])
    assert few.rows.tolist() == many.rows[:7].tolist()


def test_users_without_known_history_are_answered(suite: Suite) -> None:
    """With what the channel can do for anyone; most have nothing to go by."""
    foreign = query_of(np.array([1, 2, 3], np.uint64))
    stranger = replace(foreign, context=UserContext.unknown("u"))
    for found in suite.fetch([suite.query(1, 0), foreign, stranger], [20, 20, 20]):
        assert len(found.rows) == ANYONE.get(suite.source.name, 0)


def test_a_batch_answers_as_its_queries_alone(suite: Suite) -> None:
    """But for the last bits: a matrix product of another height rounds otherwise."""
    queries = [suite.query(seed, length) for seed, length in enumerate([0, 1, 5, 50, 120])]
    limits = [10, 20, 30, 40, 50]
    batch = suite.fetch(queries, limits)
    assert len(batch) == len(queries)
    for query, limit, together in zip(queries, limits, batch, strict=True):
        (alone,) = suite.fetch([query], [limit])
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)
        (everything,) = suite.fetch([query], [len(suite.catalog)])
        score_of = dict(zip(everything.rows.tolist(), everything.scores.tolist(), strict=True))
        own = [score_of[row] for row in together.rows.tolist()]
        np.testing.assert_allclose(together.scores, own, atol=1e-5)


def test_an_empty_batch_has_no_answers(suite: Suite) -> None:
    assert suite.fetch([], []) == []


def test_the_same_query_has_the_same_answer(suite: Suite) -> None:
    one, two = (suite.fetch([suite.query(3, 9)], [30])[0] for _ in range(2))
    assert one.rows.tolist() == two.rows.tolist()
    assert one.scores.tolist() == two.scores.tolist()


def test_nothing_live_is_no_harm(suite: Suite) -> None:
    (found,) = suite.source.fetch([suite.query(1, 5)], [20], NOTHING_LIVE)
    assert (found.rows >= 0).all()


def test_every_channel_of_a_release_has_code(release: Path) -> None:
    names = [channel.name for channel in CHANNELS]
    assert len(names) == len(set(names))
    assert set(Manifest.read(release).channels) <= set(names)
