"""Releases made worse for the demonstration: they verify, load, and are as bad as said."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from loadtest.canary import faulty
from loadtest.canary.graphs import changed, with_work
from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from services.domain.context import RequestContext
from services.domain.outcome import Outcome, Reason
from services.domain.stages import RankQuery, RerankQuery, Scores
from services.inference.stage import ReleaseStage
from services.prerank.pipeline import open_prerank
from services.rank.pipeline import open_rank
from services.recall.pipeline import open_recall
from services.rerank.pipeline import open_rerank
from services.rerank.settings import RerankSettings
from tests.integration.compute import (
    LONG,
    in_process,
    loaded,
    prerank_queries,
    recall_queries,
    recall_settings,
    values,
)
from tests.releases import release

__all__ = ["release"]

K = 10


@pytest.fixture(scope="module")
def catalog(release: Path) -> Catalog:
    return Catalog(release, FeatureSchema.read(release).categories)


async def rank_queries(release: Path, catalog: Catalog) -> list[RankQuery]:
    """Five users, their candidates beginning with each of them in turn."""
    stages, first = in_process(release), recall_queries(release, catalog)
    found = prerank_queries(first, values(await stages.recall.call(first, LONG)))
    return [
        RankQuery(
            q.release,
            q.context,
            q.request,
            q.candidates.take(np.roll(np.arange(len(q.candidates)), turn)),
            LONG,
            q.user_vector,
        )
        for q in found
        for turn in range(len(q.candidates))
    ]


async def ranked(folder: Path, queries: Sequence[RankQuery]) -> Sequence[Outcome[Scores]]:
    """What rank answers from a release, which every stage can open."""
    Manifest.read(folder).verify(folder)
    loaded(folder, lambda path: open_recall(path, recall_settings(folder)))
    loaded(folder, open_prerank)
    loaded(folder, partial(open_rerank, settings=RerankSettings()))
    mine = [replace(query, release=folder.name) for query in queries]
    return await ReleaseStage(loaded(folder, open_rank)).call(mine, LONG)


async def test_a_copy_gives_the_same_scores(
    release: Path, catalog: Catalog, tmp_path: Path
) -> None:
    copy = faulty.identical(release, tmp_path / "copy")
    queries = (await rank_queries(release, catalog))[::20]
    expected = values(await ranked(release, queries))
    for one, other in zip(values(await ranked(copy, queries)), expected, strict=True):
        assert one.blended.tobytes() == other.blended.tobytes()
    assert Manifest.read(copy).id == "copy"


async def test_the_slow_one_does_work_that_changes_nothing(
    release: Path, catalog: Catalog, tmp_path: Path
) -> None:
    slow = faulty.slow(release, tmp_path / "slow", seconds=0.01)
    queries = (await rank_queries(release, catalog))[::20]
    expected = values(await ranked(release, queries))
    for one, other in zip(values(await ranked(slow, queries)), expected, strict=True):
        assert one.blended.tobytes() == other.blended.tobytes()
    assert (slow / layout.RANK).stat().st_size > 2 * (release / layout.RANK).stat().st_size


def test_no_work_is_optimised_away(release: Path, tmp_path: Path) -> None:
    assert _products(_optimised(release, tmp_path, 7)) == 7 + _products(
        _optimised(release, tmp_path, 0)
    )


def _optimised(release: Path, folder: Path, layers: int) -> onnx.ModelProto:
    """The graph with so much more work, as the runtime makes it its own."""
    path = folder / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    model = changed(onnx.load(release / layout.RANK), with_work(layers))
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return onnx.load(path)


def _products(model: onnx.ModelProto) -> int:
    return sum("MatMul" in node.op_type or "Gemm" in node.op_type for node in model.graph.node)


async def test_the_failing_one_fails_some_queries_alone(
    release: Path, catalog: Catalog, tmp_path: Path
) -> None:
    failing = faulty.failing(release, tmp_path / "failing")
    queries = await rank_queries(release, catalog)
    expected = values(await ranked(release, queries))
    found = await ranked(failing, queries)
    failed = [one.failure for one in found if one.failure is not None]
    assert 0 < len(failed) < 0.1 * len(queries)
    assert {failure.reason for failure in failed} == {Reason.INTERNAL}
    for one, other in zip(found, expected, strict=True):
        if one.value is not None:
            np.testing.assert_allclose(one.value.blended, other.blended, atol=1e-6)


async def test_the_shuffled_one_gives_the_same_scores_to_others(
    release: Path, catalog: Catalog, tmp_path: Path
) -> None:
    shuffled = faulty.shuffled(release, tmp_path / "shuffled")
    queries = (await rank_queries(release, catalog))[::20]
    expected = values(await ranked(release, queries))
    found = values(await ranked(shuffled, queries))
    alike = []
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.sort(one.blended), np.sort(other.blended), atol=1e-6)
        alike.append(np.corrcoef(one.blended, other.blended)[0, 1])
    assert abs(np.mean(alike)) < 0.2


async def test_the_short_one_shows_few_items(
    release: Path, catalog: Catalog, tmp_path: Path
) -> None:
    short = faulty.short(release, tmp_path / "short")
    query = (await rank_queries(release, catalog))[0]
    assert len(query.candidates) > 2 * K
    settings = RerankSettings()
    lengths = []
    for folder in (release, short):
        stage = ReleaseStage(loaded(folder, partial(open_rerank, settings=settings)))
        rows = query.candidates.rows
        asked = RerankQuery(
            folder.name, RequestContext(now=0), rows, np.ones(len(rows), np.float32), K, LONG
        )
        (one,) = values(await stage.call([asked], LONG))
        lengths.append(len(one.slate.rows))
    assert lengths[0] == K
    assert 0 < lengths[1] < K


def test_a_release_that_is_there_is_replaced(release: Path, tmp_path: Path) -> None:
    for _ in range(2):
        faulty.identical(release, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["again"]
