"""The graphs of a release, fed by its encoders."""

from pathlib import Path

import numpy as np
import pytest

from models.export import ExportError, onnx
from models.layers.mlp import Mlp
from models.registry import GRAPHS
from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.parameters import Parameters
from models.schema.prerank import PrerankEncoder
from models.schema.rank import RankEncoder, blend
from models.schema.user_tower import Feed, UserTowerEncoder
from models.training.channels import CHANNELS
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, UserContext
from services.domain.stages import PrerankQuery, RankQuery

NOW = RequestContext(now=1_800_000_000)


def context(release: Path, rows: list[int]) -> UserContext:
    keys = Catalog(release, FeatureSchema.read(release).categories).keys[rows]
    n = len(rows)
    times = np.arange(900_000_000 + n, 900_000_000, -1).astype(np.uint32)
    history = History(keys, times, np.full(n, 2, np.uint8), np.zeros(n, np.float32))
    return UserContext("u", bool(n), {"age": "30", "taste": "drama"}, history)


def candidates(count: int) -> Candidates:
    generator = np.random.default_rng(count)
    size = len(CHANNELS)
    channels = generator.integers(1, 2**size, count).astype(np.uint32)
    hit = (channels[:, None] >> np.arange(size)) & 1
    scores = (generator.random((count, size)) * hit).astype(np.float32)
    return Candidates(generator.permutation(100)[:count].astype(np.int32), channels, scores)


def vector(release: Path) -> np.ndarray:
    return np.asarray(np.load(release / layout.VECTORS)[5])


def queries(release: Path) -> list[RankQuery]:
    """A long history, none at all, a short one without candidates, a short one with few."""
    sizes = [(range(40), 30), ([], 12), ([3], 0), ([7, 2], 4)]
    return [
        RankQuery("", context(release, list(rows)), NOW, candidates(n), 1.0, vector(release))
        for rows, n in sizes
    ]


def run(release: Path, graph: str, feed: Feed) -> np.ndarray:
    (output,) = onnx.session_of(release / graph).run(None, feed)
    return np.asarray(output)


def test_user_vectors_do_not_depend_on_the_batch(release: Path) -> None:
    encoder = UserTowerEncoder.open(release)
    contexts = [query.context for query in queries(release)]
    together = run(release, layout.USER_TOWER, encoder.feed(contexts, [NOW] * 4))
    for i, one in enumerate(contexts):
        alone = run(release, layout.USER_TOWER, encoder.feed([one], [NOW]))
        np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-2)


def test_ranks_do_not_depend_on_the_batch(release: Path) -> None:
    encoder = RankEncoder.open(release)
    every = queries(release)
    together = run(release, layout.RANK, encoder.feed(every))
    alone = [run(release, layout.RANK, encoder.feed([query])) for query in every]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)
    assert together.shape == (46, 2)
    assert ((together > 0) & (together < 1)).all()


def test_prerank_scores_do_not_depend_on_the_batch(release: Path) -> None:
    encoder = PrerankEncoder.open(release)
    vectors = [np.ones(encoder.vectors.shape[1], np.float32), np.empty(0, np.float32)]
    every = [
        PrerankQuery("", q.context, NOW, q.candidates, vectors[i % 2], 1.0)
        for i, q in enumerate(queries(release))
    ]
    together = run(release, layout.PRERANK, encoder.feed(every))
    alone = [run(release, layout.PRERANK, encoder.feed([query])) for query in every]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_the_order_of_candidates_is_the_order_of_scores(release: Path) -> None:
    encoder = RankEncoder.open(release)
    query = queries(release)[0]
    turned = RankQuery(
        "", query.context, NOW, query.candidates.take(np.arange(29, -1, -1)), 1.0, query.user_vector
    )
    forward = run(release, layout.RANK, encoder.feed([query]))
    np.testing.assert_allclose(
        forward[::-1], run(release, layout.RANK, encoder.feed([turned])), atol=1e-5
    )


def test_history_and_profile_matter_to_the_ranker(release: Path) -> None:
    encoder = RankEncoder.open(release)
    query = queries(release)[0]
    other = RankQuery("", context(release, [60, 61]), NOW, query.candidates, 1.0, query.user_vector)
    scores = run(release, layout.RANK, encoder.feed([query, other]))
    assert not np.allclose(scores[:30], scores[30:], atol=1e-4)


@pytest.mark.parametrize("name", GRAPHS)
def test_golden_tensors_are_what_the_graph_gives(release: Path, name: str) -> None:
    graph = GRAPHS[name]
    with np.load(release / graph.golden) as stored:
        feed = {k.removeprefix("in_"): stored[k] for k in stored.files if k.startswith("in_")}
        expected = stored[f"out_{graph.output}"]
    np.testing.assert_allclose(run(release, graph.path, feed), expected, atol=1e-5)
    assert len(expected)


def test_an_export_that_differs_from_torch_is_refused(tmp_path: Path) -> None:
    feed: Feed = {"statics": np.ones((3, 2), np.float32)}
    module = Mlp(2, 4, 1)
    onnx.export(module, feed, tmp_path / "m.onnx", "score")
    onnx.check(module, tmp_path / "m.onnx", [feed, {"statics": np.ones((9, 2), np.float32)}])
    module[0].bias.data += 1.0
    with pytest.raises(ExportError, match=r"m\.onnx differs from torch by"):
        onnx.check(module, tmp_path / "m.onnx", [feed])


def test_blend_is_a_product_of_powers() -> None:
    parameters = Parameters(quotas={}, blend=(1.0, 0.5))
    tasks = np.array([[0.5, 0.25], [1.0, 0.0]], np.float32)
    assert blend(tasks, parameters).tolist() == [0.25, 0.0]
    assert blend(np.empty((0, 2), np.float32), parameters).shape == (0,)
