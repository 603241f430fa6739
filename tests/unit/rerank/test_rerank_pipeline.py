"""The rules together, from a release folder to final lists."""

from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from models.schema.parameters import Rerank
from services.domain.context import RequestContext
from services.domain.outcome import Reason
from services.domain.stages import RerankQuery
from services.operator_rules.rules import RulesError
from services.rerank.pipeline import RerankModel, open_rerank
from services.rerank.settings import RerankSettings
from tests.unit.rerank.release import make_release

PLAIN = Rerank("none", 1.0, 1, 0)
SCORES = np.array([0.9, 0.8, 0.7, 0.6], np.float32)


def opened(folder: Path, rerank: Rerank, rules: str = "") -> RerankModel:
    release = make_release(folder / "releases", rerank)
    file = folder / "rules.yaml"
    file.write_text(rules)
    return open_rerank(release, RerankSettings(rules_file=str(file)))


def query(rows=(0, 1, 2, 6), scores=SCORES, k=3) -> RerankQuery:
    return RerankQuery("r1", RequestContext(0), np.array(rows, np.int32), scores, k, 1.0, True)


async def answer(model: RerankModel, asked: RerankQuery | None = None):
    (outcome,) = await model.run([asked or query()])
    assert outcome.value is not None, outcome.failure
    return outcome.value


async def test_without_rules_the_list_is_cut_to_k(tmp_path):
    result = await answer(opened(tmp_path, PLAIN))
    assert result.slate.rows.tolist() == [0, 1, 2]
    assert result.notes == ()


async def test_a_window_of_zero_per_category_is_off(tmp_path):
    result = await answer(opened(tmp_path, Rerank("none", 1.0, 5, 0)))
    assert result.slate.rows.tolist() == [0, 1, 2]


async def test_all_rules_in_their_order(tmp_path):
    rules = """
    window: 3
    max_per_category: 2
    boosts: [{item: i2, add: 0.5}]
    pins: {i7: 2}
    blocks: [i0]
    """
    model = opened(tmp_path, PLAIN, rules)
    result = await answer(model, query(rows=(0, 1, 2, 3, 6), scores=np.append(SCORES, 0.5), k=4))
    # i0 is blocked, i2 boosted to the front, i6 moved up by the window, i7 pinned between.
    assert result.slate.rows.tolist() == [2, 7, 1, 6]
    assert result.slate.scores.tolist() == pytest.approx([0.7, 0.0, 0.8, 0.5])
    assert {(n.row, n.rule, n.effect) for n in result.notes} >= {
        (0, "blocks", "removed"),
        (2, "boosts", "boosted"),
        (6, "window", "moved"),
        (7, "pins", "pinned"),
    }


@pytest.mark.parametrize("method", ["mmr", "dpp"])
async def test_diversity_sees_the_boosted_scores(tmp_path, method):
    model = opened(tmp_path, Rerank(method, 0.9, 1, 0, boosts={"Comedy": 10}))
    assert (await answer(model)).slate.rows.tolist() == [6, 0, 1]


async def test_an_empty_list_is_answered_with_the_pins(tmp_path):
    model = opened(tmp_path, Rerank(pins={"i3": 1}))
    empty = query(rows=(), scores=np.empty(0, np.float32))
    assert (await answer(model, empty)).slate.rows.tolist() == [3]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (query(k=0), "k: 0"),
        (query(k=501), "k: 501"),
        (query(rows=(0, 1, 2, 8)), "rows: a row is not in 0..7"),
        (query(rows=(0, 1, 2, -1)), "rows: a row is not in 0..7"),
        (query(rows=(0, 1, 1, 2)), "rows: an item is there twice"),
        (query(rows=(0, 1)), "scores: 4 values for 2 rows"),
        (query(rows=range(2001)), "rows: 2001 items, at most 2000"),
        (query(scores=np.array([1, 2, np.nan, 0], np.float32)), "scores: not a finite number"),
    ],
)
async def test_a_wrong_query_fails_alone(tmp_path, wrong, said):
    outcomes = await opened(tmp_path, PLAIN).run([query(), wrong, query()])
    assert [o.failure is None for o in outcomes] == [True, False, True]
    failure = outcomes[1].failure
    assert failure is not None
    assert failure.reason is Reason.INVALID
    assert failure.message.startswith(said)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("pins: {gone: 1, away: 2}", "pins: no such item in the release: gone, away"),
        ("boosts: [{item: gone, add: 1}]", "boosts: no such item in the release: gone"),
        ("boosts: [{category: War, add: 1}]", "boosts: no item of the release is in category War"),
    ],
)
def test_what_the_release_does_not_have_is_named(tmp_path, rules, said):
    with pytest.raises(RulesError, match=said):
        opened(tmp_path, PLAIN, rules)


async def test_a_block_of_what_the_release_does_not_have_is_a_warning(tmp_path):
    with capture_logs() as logs:
        model = opened(tmp_path, PLAIN, "blocks: [i0, gone, away]")
    assert [(log["log_level"], log["items"]) for log in logs] == [("warning", ["gone", "away"])]
    assert (await answer(model)).slate.rows.tolist() == [1, 2, 6]
