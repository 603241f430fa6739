"""Laws of recall channels, over every implementation of CandidateSource."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.item_cf import ItemCf
from models.schema.parameters import Parameters
from models.schema.user_tower import UserTowerEncoder
from services.domain.arrays import U64
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.protocols import CandidateSource
from services.domain.stages import RecallQuery
from services.inference.session import OnnxModel
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.channels.popular import Popular
from services.recall.channels.two_tower import TwoTower
from services.recall.index.faiss_index import SearchDepth, VectorIndex
from tests.releases import release

__all__ = ["release"]


def catalog_of(folder: Path) -> Catalog:
    return Catalog(folder, FeatureSchema.read(folder).categories)


def two_tower(folder: Path) -> CandidateSource:
    return TwoTower(
        UserTowerEncoder.open(folder),
        OnnxModel(folder / layout.USER_TOWER),
        VectorIndex.open(folder / layout.INDEX, SearchDepth()),
    )


def item_cf(folder: Path) -> CandidateSource:
    recency = Parameters.read(folder).retrieval.item_cf_recency
    return ItemCfChannel(catalog_of(folder), ItemCf.open(folder, recency), length=50)


def popular(folder: Path) -> CandidateSource:
    return Popular.open(folder)


CHANNELS: list[Callable[[Path], CandidateSource]] = [two_tower, item_cf, popular]


@dataclass(frozen=True)
class Suite:
    """A channel and the catalog it recalls from."""

    source: CandidateSource
    catalog: Catalog

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


@pytest.fixture(params=CHANNELS, ids=lambda factory: factory.__name__)
def suite(request: pytest.FixtureRequest, release: Path) -> Suite:
    return Suite(request.param(release), catalog_of(release))


def test_items_are_distinct_within_the_release_and_at_most_as_many_as_wanted(suite: Suite) -> None:
    limits = [0, 1, 7, 40, len(suite.catalog), 10 * len(suite.catalog)]
    queries = [suite.query(seed, 5) for seed in range(len(limits))]
    for limit, found in zip(limits, suite.source.fetch(queries, limits), strict=True):
        assert found.rows.dtype == np.int32
        assert len(found.rows) == len(set(found.rows.tolist())) <= limit
        assert ((found.rows >= 0) & (found.rows < len(suite.catalog))).all()


def test_what_knows_every_item_can_give_every_item(suite: Suite) -> None:
    if suite.source.name == "item_cf":
        pytest.skip("knows neighbours only; its unit test compares them with the definition")
    count = len(suite.catalog)
    (found,) = suite.source.fetch([suite.query(1, 5)], [count])
    assert sorted(found.rows.tolist()) == list(range(count))


def test_the_best_come_first_each_with_a_finite_score(suite: Suite) -> None:
    for found in suite.source.fetch([suite.query(1, 5), suite.query(2, 50)], [50, 50]):
        assert found.scores.dtype == np.float32
        assert found.scores.shape == found.rows.shape
        assert len(found.scores)
        assert np.isfinite(found.scores).all()
        assert (np.diff(found.scores) <= 0).all()


def test_a_smaller_limit_is_the_beginning_of_a_larger_one(suite: Suite) -> None:
    few, many = suite.source.fetch([suite.query(1, 5)] * 2, [7, 30])
    assert few.rows.tolist() == many.rows[:7].tolist()


def test_users_without_known_history_are_answered(suite: Suite) -> None:
    """With what the channel can do for anyone; itemCF has nothing to go by."""
    foreign = query_of(np.array([1, 2, 3], np.uint64))
    stranger = replace(foreign, context=UserContext.unknown("u"))
    for found in suite.source.fetch([suite.query(1, 0), foreign, stranger], [20, 20, 20]):
        assert len(found.rows) == (0 if suite.source.name == "item_cf" else 20)


def test_a_batch_answers_as_its_queries_alone(suite: Suite) -> None:
    """But for the last bits: a matrix product of another height rounds otherwise."""
    queries = [suite.query(seed, length) for seed, length in enumerate([0, 1, 5, 50, 120])]
    limits = [10, 20, 30, 40, 50]
    batch = suite.source.fetch(queries, limits)
    assert len(batch) == len(queries)
    for query, limit, together in zip(queries, limits, batch, strict=True):
        (alone,) = suite.source.fetch([query], [limit])
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)
        (everything,) = suite.source.fetch([query], [len(suite.catalog)])
        score_of = dict(zip(everything.rows.tolist(), everything.scores.tolist(), strict=True))
        own = [score_of[row] for row in together.rows.tolist()]
        np.testing.assert_allclose(together.scores, own, atol=1e-5)


def test_an_empty_batch_has_no_answers(suite: Suite) -> None:
    assert suite.source.fetch([], []) == []


def test_the_same_query_has_the_same_answer(suite: Suite) -> None:
    one, two = (suite.source.fetch([suite.query(3, 9)], [30])[0] for _ in range(2))
    assert one.rows.tolist() == two.rows.tolist()
    assert one.scores.tolist() == two.scores.tolist()


def test_names_are_those_of_the_release() -> None:
    assert [source.name for source in (TwoTower, ItemCfChannel, Popular)] == [
        "two_tower",
        "item_cf",
        "popular",
    ]
