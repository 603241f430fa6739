"""EASE and itemKNN on MovieLens equal a reference that is written out here, in plain numpy."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.download import download_wheel
from models.data.importer import Target
from models.data.movielens import import_1m, import_100k
from models.evaluation.metrics import RANKING
from models.evaluation.places import About, Places
from models.evaluation.plain.dataset import Protocol, splits_of
from models.evaluation.plain.models import MODELS, Hyper
from models.evaluation.plain.run import run
from models.evaluation.plain.split import PlainSplit
from models.training.log import Log

HYPER = Hyper(l2=250.0, neighbours=100, shrink=10.0)
KS = (10, 20, 50)
ROOT = Path(__file__).parents[2]
F64 = NDArray[np.float64]


def ease(x: F64) -> F64:
    """Steck 2019: P = (X'X + l I)^-1, B = I - P diag(1 / diag P)."""
    p = np.linalg.inv(x.T @ x + HYPER.l2 * np.eye(x.shape[1]))
    b = np.eye(len(p)) - p / np.diag(p)
    np.fill_diagonal(b, 0.0)
    return x @ b


def item_knn(x: F64) -> F64:
    """Cosine with shrinkage; of each item the 100 most like it, equal ones by row."""
    together = x.T @ x
    norms = np.sqrt(np.diag(together))
    scale = np.outer(norms, norms) + HYPER.shrink
    similar = together / scale
    np.fill_diagonal(similar, 0.0)
    kept = np.argsort(-similar, axis=1, kind="stable")[:, : HYPER.neighbours]
    nearest = np.zeros_like(similar)
    np.put_along_axis(nearest, kept, np.take_along_axis(similar, kept, axis=1), axis=1)
    return x @ nearest


REFERENCES = {"ease": ease, "item_knn": item_knn}


def metrics(scores: F64, train: F64, test: F64, k: int) -> dict[str, F64]:
    """Of every user with test items, from the top k of a full sort: no places, no offsets."""
    scores = np.where(train > 0, -np.inf, scores)
    users = np.flatnonzero(test.any(axis=1))
    top = np.argsort(-scores[users], axis=1, kind="stable")[:, :k]
    rel = np.take_along_axis(test[users], top, axis=1)
    total = test[users].sum(axis=1)
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.array([gains[: min(int(n), k)].sum() for n in total])
    precisions = np.cumsum(rel, axis=1) / np.arange(1, k + 1)
    first = np.where(rel.any(axis=1), 1 / (rel.argmax(axis=1) + 1), 0.0)
    return {
        "ndcg": rel @ gains / ideal,
        "hr": rel.any(axis=1).astype(np.float64),
        "recall": rel.sum(axis=1) / total,
        "precision": rel.sum(axis=1) / k,
        "map": (precisions * rel).sum(axis=1) / np.minimum(total, k),
        "mrr": first,
    }


def split_of(dataset: Dataset) -> PlainSplit:
    """80 % of the interactions train, 20 % test, at random."""
    tables = dataset.tables()
    log = Log.of(tables, dataset.description.has_clock)
    return splits_of(log, tables, Protocol("random", share=0.2, seed=3))[0]


def judged(split: PlainSplit, name: str) -> Places:
    about = About("plain models", "movielens", "", "random", "", (), ())
    return run(split, [name], HYPER, about, lambda _: lambda done: None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> PlainSplit:
    """The data set of `recstack up`, fetched when it is not there yet."""
    folder = ROOT / "var/data/ml-100k"
    if not folder.is_dir():
        to = tmp_path_factory.mktemp("data")
        import_100k(download_wheel(to), Target(to, "ml-100k"))
        folder = to / "ml-100k"
    return split_of(Dataset.open(folder))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> PlainSplit:
    folder = os.environ.get("RECSTACK_ML1M", "")
    if not folder:
        pytest.skip("RECSTACK_ML1M does not name a folder with MovieLens-1M")
    to = tmp_path_factory.mktemp("ml-1m")
    import_1m(Path(folder), Target(to, "ml-1m"))
    return split_of(Dataset.open(to / "ml-1m"))


@pytest.mark.timeout(540)
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("size", ["small", "large"])
def test_scores_and_metrics_equal_the_reference(
    size: str, name: str, request: pytest.FixtureRequest
) -> None:
    split: PlainSplit = request.getfixturevalue(size)
    train, test = split.train.toarray(), split.test.toarray()
    expected = REFERENCES[name](train)
    found = MODELS[name](split.train, HYPER)(np.arange(len(train)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    places = judged(split, name).found(name)
    for k in KS:
        reference = metrics(expected, train, test, k)
        for metric, function in RANKING:
            mean, wanted = function(places, k).mean(), reference[metric].mean()
            assert mean == pytest.approx(wanted, abs=1e-6), f"{metric}@{k}"
    assert places.sizes.sum() == split.test.nnz
