"""Items newer than the release in final lists."""

from dataclasses import replace

import numpy as np
import pytest

from models.schema.parameters import Rerank
from services.domain.context import RequestContext
from services.domain.inline import InlineItems
from services.domain.outcome import Reason
from services.domain.stages import RerankQuery, Slate
from services.rerank.pipeline import RerankModel, open_rerank
from services.rerank.rules.fresh import FreshFloor
from services.rerank.settings import RerankSettings
from tests.unit.rerank.release import make_release

DRAMA, COMEDY = [1.0, 0.0], [0.0, 1.0]


def inline(*features: list[float], vectors: np.ndarray | None = None) -> InlineItems:
    ids = tuple(f"new{i}" for i in range(len(features)))
    if vectors is None:
        vectors = np.zeros((len(ids), 8), np.float32)
    return InlineItems(ids, vectors, np.array(features, np.float32))


def query(rows: list[int], items: InlineItems, k: int) -> RerankQuery:
    scores = np.linspace(0.9, 0.1, len(rows)).astype(np.float32)
    request = RequestContext(0)
    return RerankQuery("r1", request, np.array(rows, np.int32), scores, k, 1.0, True, items)


async def rows_of(model: RerankModel, asked: RerankQuery) -> list[int]:
    (outcome,) = await model.run([asked])
    assert outcome.value is not None, outcome.failure
    return outcome.value.slate.rows.tolist()


def opened(folder, rerank: Rerank, rules: str = "") -> RerankModel:
    file = folder / "rules.yaml"
    file.write_text(rules)
    release = make_release(folder / "releases", rerank)
    return open_rerank(release, RerankSettings(rules_file=str(file)))


@pytest.mark.parametrize("method", ["mmr", "dpp"])
async def test_diversity_sees_the_vector_of_a_new_item(tmp_path, method):
    model = opened(tmp_path, Rerank(method, 0.5, 1, 0, fresh_floor=0))
    same_as_0 = inline(DRAMA, vectors=np.eye(8, dtype=np.float32)[:1])
    unlike = inline(DRAMA, vectors=np.eye(8, dtype=np.float32)[7:])
    assert await rows_of(model, query([0, -1, 1], same_as_0, 2)) == [0, 1]
    assert await rows_of(model, query([0, -1, 1], unlike, 2)) == [0, -1]


async def test_the_window_counts_the_categories_of_a_new_item(tmp_path):
    model = opened(tmp_path, Rerank("none", 1.0, 2, 1, fresh_floor=0))
    assert await rows_of(model, query([0, -1, 6], inline(DRAMA), 2)) == [0, 6]
    assert await rows_of(model, query([0, -1, 6], inline(COMEDY), 2)) == [0, -1]


async def test_a_boost_of_a_category_reaches_its_new_items(tmp_path):
    rules = "boosts: [{category: Comedy, multiply: 3, add: 0.1}]"
    model = opened(tmp_path, Rerank("none", 1.0, 1, 0), rules)
    assert await rows_of(model, query([0, 1, -1, -2], inline(DRAMA, COMEDY), 4)) == [0, 1, -2, -1]


async def test_items_can_be_boosted_for_being_new(tmp_path):
    model = opened(tmp_path, Rerank("none", 1.0, 1, 0), "boosts: [{new: true, multiply: 100}]")
    assert await rows_of(model, query([0, 1, -1, -2], inline(DRAMA, COMEDY), 4)) == [-1, -2, 0, 1]


async def test_a_new_item_can_be_blocked(tmp_path):
    model = opened(tmp_path, Rerank("none", 1.0, 1, 0), "blocks: [new1, i0]")
    assert await rows_of(model, query([-2, 0, -1, 1], inline(DRAMA, DRAMA), 4)) == [-1, 1]


async def test_a_query_whose_new_items_do_not_fit_fails_alone(tmp_path):
    model = opened(tmp_path, Rerank("none", 1.0, 1, 0))
    good = query([0, -1], inline(DRAMA), 2)
    thin = replace(good, inline=inline(DRAMA, vectors=np.zeros((1, 7), np.float32)))
    beyond = replace(good, rows=np.array([0, -2], np.int32))
    outcomes = await model.run([thin, good, beyond])
    said = [o.failure.message if o.failure else "" for o in outcomes]
    assert said == [
        "inline_items.vectors: 7 values an item, 8 expected",
        "",
        "rows: a row is not in -1..7",
    ]
    assert outcomes[0].failure is not None
    assert outcomes[0].failure.reason is Reason.INVALID


def floor(rows: list[int], k: int, least: int = 1, new: int = 3) -> list[int]:
    asked = query(rows, inline(*[DRAMA] * new), k)
    return FreshFloor(least).apply(Slate(asked.rows, asked.scores), asked)[0].rows.tolist()


def test_the_best_new_item_takes_the_tenth_place():
    rows = [*range(25), -2, -1]
    assert floor(rows, 20) == [*range(9), -2, *range(9, 25), -1]


def test_one_among_the_first_k_is_enough():
    rows = [*range(14), -1, *range(14, 25), -2]
    assert floor(rows, 20) == rows
    assert floor(rows, 10) == [*range(9), -1, *range(9, 25), -2]


def test_a_floor_of_two_takes_what_is_missing():
    rows = [-3, *range(20), -1, -2]
    assert floor(rows, 12, least=2) == [-3, *range(8), -1, *range(8, 20), -2]
    assert floor([*range(20), -1, -2], 10, least=2) == [*range(8), -1, -2, *range(8, 20)]


@pytest.mark.parametrize("k", [1, 9])
def test_short_lists_have_no_floor(k):
    rows = [*range(20), -1]
    assert floor(rows, k) == rows


def test_without_new_candidates_nothing_moves():
    assert floor([*range(20)], 10) == [*range(20)]
    assert floor([*range(20)], 10, new=0) == [*range(20)]
    assert floor([*range(20), -1], 10, least=0) == [*range(20), -1]
