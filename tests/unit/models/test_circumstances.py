"""What requests happen in, such as the device: learnt from the log, and read when serving."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.data.dataset import Dataset, save
from models.data.interactions import INTERACTION_COLUMNS, REJECTED_SCHEMA
from models.schema.features import FeatureSchema
from models.schema.user_tower import circumstances
from models.training.log import Log
from models.training.pipeline import train_release
from models.training.synthetic import make_dataset
from services.domain.context import RequestContext, UserContext
from services.domain.stages import RecallQuery
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from tests.releases import ITEMS, SEED, TINY, USERS

MORE = replace(TINY, tower=replace(TINY.tower, epochs=20))


def with_devices(folder: Path) -> Dataset:
    """The first half of the items is chosen on phones, the other on televisions."""
    made = make_dataset(folder / "plain", USERS, ITEMS, SEED)
    tables = made.tables()
    number = pl.col("item_id").str.slice(1).cast(pl.Int64)
    device = pl.when(number < ITEMS // 2).then(pl.lit("phone")).otherwise(pl.lit("tv"))
    tables = replace(tables, interactions=tables.interactions.with_columns(device=device))
    about = replace(made.description, name="devices")
    return save(folder, about, tables, pl.DataFrame(schema=REJECTED_SCHEMA))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return with_devices(tmp_path_factory.mktemp("data"))


def test_each_event_has_what_it_happened_in(dataset: Dataset) -> None:
    tables = dataset.tables()
    log = Log.of(tables, has_clock=True)
    assert {one["device"] for one in log.circumstances} == {"phone", "tv"}
    for user in range(log.user_count):
        for end in range(int(log.sizes[user])):
            row = int(log.rows[log.offsets[user] + end])
            assert log.attributes(user, end) == {"device": "phone" if row < ITEMS // 2 else "tv"}
        assert log.attributes(user, int(log.sizes[user])) == {}
    assert len(log.first(log.sizes // 2).happened_in) == (log.sizes // 2).sum()


def test_the_placement_is_one_of_them() -> None:
    asked = RequestContext(0, "home", {"device": "tv"})
    assert circumstances(asked) == {"device": "tv", "placement": "home"}
    assert circumstances(RequestContext(0, "", {"device": "tv"})) == {"device": "tv"}


def test_a_data_set_without_circumstances_has_none(tmp_path: Path) -> None:
    tables = make_dataset(tmp_path / "plain", USERS, ITEMS, SEED).tables()
    assert tables.interactions.columns == list(INTERACTION_COLUMNS)
    log = Log.of(tables, has_clock=True)
    assert log.attributes(0, 0) == {}


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_release(dataset, tmp_path_factory.mktemp("r"), MORE, lambda _: lambda _: None)


async def test_a_stranger_is_recommended_more_of_what_fits_the_device(trained: Path) -> None:
    assert [field.name for field in FeatureSchema.read(trained).context] == ["device"]
    model = open_recall(trained, RecallSettings(channel_timeout=60.0))
    stranger = UserContext.unknown("stranger")
    share = {}
    for device in ("phone", "tv"):
        request = RequestContext(now=0, attributes={"device": device})
        (found,) = await model.run([RecallQuery("", stranger, request, 60, 60.0)])
        assert found.value is not None
        scores = np.asarray(model.similar.vectors) @ found.value.user_vector
        share[device] = float(np.mean(np.argsort(-scores)[:20] < ITEMS // 2))
    assert share["phone"] >= share["tv"] + 0.3, "of items that were chosen on phones"
