"""The whole training, on a tiny data set."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from models.data.dataset import Dataset, Description, Tables, save
from models.data.exposures import EXPOSURES
from models.data.interactions import REJECTED_SCHEMA
from models.evaluation.funnel import Funnel
from models.evaluation.release import judge
from models.evaluation.values import of_manifest
from models.evaluation.wanted import answers
from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from models.training.channels import CHANNELS
from models.training.log import Log
from models.training.pipeline import train_release
from models.training.quotas import UNMEASURED
from models.training.split import queries
from services.domain.events import EventType
from tests.releases import TINY, tiny_dataset, tiny_release


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
    assert manifest.channels == CHANNELS
    assert manifest.tasks == ("interact", "like")
    assert "twin" in manifest.metrics_protocol
    assert manifest.metrics["recall.recall@300"] == 1.0  # 120 items
    assert manifest.metrics["item_cf.ndcg@10"] > manifest.metrics["popular.ndcg@10"]


def test_the_same_seed_makes_the_same_files(release: Path, tmp_path: Path) -> None:
    again = Manifest.read(tiny_release(tmp_path))
    assert again.files == Manifest.read(release).files
    assert again.metrics == Manifest.read(release).metrics


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
    found = of_manifest(judge(funnel, log, answers(log, wanted), "", quiet("")))
    assert found["recall.hr@10"] == 1.0


def test_too_few_users_to_measure_by_get_the_default_quotas(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "few", [("a", "x", 2), ("a", "y", 3), ("b", "z", 2)])
    made = train_release(dataset, tmp_path / "r", replace(TINY, quotas={}), quiet)
    assert Parameters.read(made).quotas == UNMEASURED
    assert set(Manifest.read(made).channels) == set(UNMEASURED)
    assert Manifest.read(made).recall == {}


def test_what_was_shown_is_not_left_out_silently(tmp_path: Path) -> None:
    """Without a clock nobody knows from which list an event comes."""
    dataset = dataset_of(tmp_path / "few", [("a", "x", 2), ("a", "y", 3)])
    (dataset.folder / EXPOSURES).write_bytes(b"")
    steps: list[str] = []

    def report(step: str) -> Callable[[float], None]:
        steps.append(step)
        return quiet(step)

    train_release(dataset, tmp_path / "r", TINY, report)
    assert f"without {EXPOSURES}: the data set has no clock" in steps


def test_a_release_names_the_one_that_served_its_log(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "few", [("a", "x", 2), ("a", "y", 3)])
    made = train_release(dataset, tmp_path / "r", TINY, quiet, parent="before")
    assert Manifest.read(made).parent == "before"
