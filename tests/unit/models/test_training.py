"""The whole training, on a tiny data set."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest
import torch

from models.data import DataError
from models.data.dataset import Dataset, Description, Tables, save
from models.data.interactions import REJECTED_SCHEMA
from models.evaluation.last_out import NOT_FOUND, Funnel, evaluate, metrics_of
from models.export.onnx import session_of
from models.recall.two_tower import TwoTower
from models.schema import layout
from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from models.schema.user_tower import UserEncoder
from models.training.candidates import Recall, recall
from models.training.log import Log
from models.training.pipeline import train_release
from models.training.split import queries
from services.domain.context import RequestContext
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.domain.stages import RecallQuery
from tests.releases import TINY, tiny_dataset, tiny_release
from tests.unit.models.logs import make_log


def quiet(_: str) -> Callable[[float], None]:
    return lambda done: None


def test_a_release_is_whole_and_current(release: Path) -> None:
    manifest = Manifest.read(release)
    manifest.verify(release)
    assert manifest.id == release.name
    assert (release.parent / "current").read_text().strip() == release.name
    left = [path.name for path in release.parent.iterdir() if path.name.startswith(".")]
    assert left == []


def test_the_manifest_tells_what_was_measured(release: Path) -> None:
    manifest = Manifest.read(release)
    assert manifest.channels == ("two_tower", "item_cf", "popular")
    assert manifest.tasks == ("interact", "like")
    assert "twin" in manifest.metrics_protocol
    assert manifest.metrics["recall.recall@300"] == 1.0  # 120 items
    assert manifest.metrics["item_cf.ndcg@10"] > manifest.metrics["popular.ndcg@10"]


def test_the_same_seed_makes_the_same_files(release: Path, tmp_path: Path) -> None:
    again = Manifest.read(tiny_release(tmp_path))
    assert again.files == Manifest.read(release).files
    assert again.metrics == Manifest.read(release).metrics


@pytest.mark.parametrize("seed", range(5))
def test_training_sees_the_candidates_that_serving_gives(
    release: Path, tmp_path: Path, seed: int
) -> None:
    """Same items, bits and scores: there is no skew between the two, whatever users did."""
    items = tiny_dataset(tmp_path / "tiny").tables().items
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 150, 12)  # repeats, and more than the models read
    walks = [generator.integers(0, items.height, length).tolist() for length in lengths]
    log = replace(make_log(walks, items.height), keys=item_keys(items["item_id"].to_list()))
    models = loaded(release)
    some = np.arange(log.user_count)
    wanted = queries(log, some, log.sizes - 1)
    ours = recall(models, log, wanted, UserEncoder.open(release), Parameters.read(release))
    funnel = Funnel.open(release)
    contexts = [log.context(int(u), int(e)) for u, e in zip(some, wanted.ends, strict=True)]
    asked = [RecallQuery(release.name, c, RequestContext(now=0), 600, 1e4) for c in contexts]
    theirs = asyncio.run(funnel.recall.run(asked))
    for mine, outcome in zip(ours.candidates, theirs, strict=True):
        assert outcome.value is not None
        served = outcome.value.candidates
        a, b = np.argsort(mine.rows), np.argsort(served.rows)
        np.testing.assert_array_equal(mine.rows[a], served.rows[b])
        np.testing.assert_allclose(mine.recall_scores[a], served.recall_scores[b], atol=1e-5)
        np.testing.assert_array_equal(mine.channels[a], served.channels[b])


class Tower:
    """The release's user tower in place of the torch one."""

    def __init__(self, release: Path) -> None:
        self._session = session_of(release / layout.USER_TOWER)

    def users(self, *inputs: torch.Tensor) -> torch.Tensor:
        names = [one.name for one in self._session.get_inputs()]
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        return torch.from_numpy(self._session.run(None, feed)[0])


def loaded(release: Path) -> Recall:
    """The recall models of a release."""
    rows = np.load(release / layout.POPULAR_ROWS)
    popularity = np.zeros(len(rows), np.float32)
    popularity[rows] = np.load(release / layout.POPULAR_SCORES)
    return Recall(
        tower=cast(TwoTower, Tower(release)),
        table=np.load(release / layout.USER_TOWER_ITEMS),
        vectors=np.load(release / layout.VECTORS),
        item_cf=(np.load(release / layout.ITEM_CF_ROWS), np.load(release / layout.ITEM_CF_SCORES)),
        popularity=popularity,
        statics=np.load(release / layout.PRERANK_ITEMS),
    )


def test_users_who_come_back_to_items_are_measured_on_new_ones(
    release: Path, tmp_path: Path
) -> None:
    """A click, then a purchase of the same item: the purchase is nothing to be found."""
    dataset = with_purchases(tiny_dataset(tmp_path / "tiny"), tmp_path / "twice")
    found = Manifest.read(train_release(dataset, tmp_path / "r", TINY, quiet)).metrics
    assert found["recall.recall@300"] == 1.0  # all of the 120 items that the user did not have
    assert found["popular.ndcg@10"] == Manifest.read(release).metrics["popular.ndcg@10"]
    assert found["item_cf.ndcg@10"] > found["popular.ndcg@10"]
    assert found["two_tower.hr@10"] > 10 / 80  # chance: users have had at most 40 of the items


def with_purchases(dataset: Dataset, folder: Path) -> Dataset:
    """The data set with a purchase after every event."""
    tables = dataset.tables()
    first = tables.interactions.with_columns(order=2 * pl.col("order"))
    purchase = pl.lit(EventType.PURCHASE.value, pl.UInt8)
    again = first.with_columns(event=purchase, order=pl.col("order") + 1)
    both = pl.concat([first, again]).sort("user_id", "order")
    about = Description(folder.name, "made up", "none", has_clock=True)
    tables = Tables(both, tables.users, tables.items)
    return save(folder.parent, about, tables, pl.DataFrame(schema=REJECTED_SCHEMA))


def test_metrics_of_places() -> None:
    found = metrics_of("recall", np.array([0, 9, 10, 299, 300, NOT_FOUND]))
    assert found["recall.ndcg@10"] == pytest.approx((1 + 1 / math.log2(11)) / 6)
    assert found["recall.hr@10"] == pytest.approx(2 / 6)
    assert found["recall.recall@300"] == pytest.approx(4 / 6)
    assert metrics_of("rank", np.empty(0, np.int64))["rank.ndcg@10"] == 0.0


def dataset_of(folder: Path, events: list[tuple[str, str, int]]) -> Dataset:
    """A data set without attributes, times or categories: the least there can be."""
    columns = list(zip(*events, strict=True))
    interactions = pl.DataFrame(
        {"user_id": columns[0], "item_id": columns[1], "event": columns[2]},
        schema_overrides={"event": pl.UInt8},
    ).with_columns(
        value=pl.lit(0.0, pl.Float32),
        time=pl.int_range(pl.len()).over("user_id"),
        order=pl.int_range(pl.len()).over("user_id"),
    )
    users = pl.DataFrame({"user_id": sorted(set(columns[0]))})
    ids = sorted(set(columns[1]))
    empty = pl.Series("categories", [[] for _ in ids], dtype=pl.List(pl.String))
    items = pl.DataFrame({"item_id": ids, "title": ids}).with_columns(empty)
    about = Description(folder.name, "made up", "none", has_clock=False)
    rejected = pl.DataFrame(schema=REJECTED_SCHEMA)
    return save(folder.parent, about, Tables(interactions, users, items), rejected)


def test_the_least_data_makes_a_release(tmp_path: Path) -> None:
    """Three users with two events: nothing can be held out, and still it serves."""
    events = [
        ("a", "x", 2),
        ("a", "y", 3),
        ("b", "y", 2),
        ("b", "z", 2),
        ("c", "x", 2),
        ("c", "z", 2),
    ]
    made = train_release(dataset_of(tmp_path / "least", events), tmp_path / "r", TINY, quiet)
    funnel = Funnel.open(made)
    log = Log.of(dataset_of(tmp_path / "again", events).tables(), has_clock=False)
    wanted = queries(log, np.array([0]), np.array([1]))
    assert asyncio.run(evaluate(funnel, log, wanted))["recall.hr@10"] == 1.0


def test_data_without_engagements_is_refused(tmp_path: Path) -> None:
    impressions = dataset_of(tmp_path / "none", [("a", "x", 1), ("b", "y", 1)])
    with pytest.raises(DataError, match="no clicks, likes or purchases"):
        train_release(impressions, tmp_path / "r", TINY, quiet)
    assert not list((tmp_path / "r").glob("*"))
