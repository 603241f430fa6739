"""A data set without one interaction trains to a release that serves."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from models.data import DataError
from models.data.attributes import ItemTable
from models.data.dataset import Dataset, Description, Tables, save
from models.data.importer import NO_ITEMS, NO_USERS, Target, import_logs
from models.data.interactions import NO_LOG
from models.evaluation import EvaluationError
from models.evaluation.comparison import comparison
from models.evaluation.funnel import Funnel
from models.evaluation.places import Places
from models.evaluation.report import report
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from models.training.pipeline import train_release
from models.training.quotas import UNTRAINED
from models.training.settings import Settings
from services.domain.context import PREFERENCES, History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.ids import item_keys

GROUPS = ("crime", "poetry", "travel")
ITEMS = 30
SETTINGS = Settings(threads=1, d=16, rank_e=8, text_size=16, prerank_limit=20)


def quiet(_: str) -> Callable[[float], None]:
    return lambda done: None


def items_alone(folder: Path, count: int = ITEMS) -> Dataset:
    """Items of three groups by turns, as their owner imports them; nobody did anything."""
    rows = [
        f"i{i:02},Book {i},{GROUPS[i % 3]},{'|'.join(['signed', 'used'][: i % 3])},"
        f"All of {GROUPS[i % 3]}"
        for i in range(count)
    ]
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "items.csv"
    path.write_text("\n".join(["sku,name,groups,labels,text", *rows]) + "\n")
    table = ItemTable(path, "sku", "name", "groups", tags="labels")
    return import_logs(None, Target(folder.parent, folder.name), (None, table)).dataset


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of a data set of items alone."""
    folder = tmp_path_factory.mktemp("empty")
    return train_release(items_alone(folder / "books"), folder / "releases", SETTINGS, quiet)


def served(release: Path, context: UserContext) -> tuple[list[int], list[tuple[str, ...]]]:
    """Rows of the final list for a user, and their categories."""
    asked = Funnel.open(release).run([context], [RequestContext(now=1)])
    (trail,) = asyncio.run(asked)
    rows = trail.final.slate.rows.tolist()
    catalog = Catalog(release, FeatureSchema.read(release).categories)
    return rows, [catalog.categories(row) for row in rows]


def user(profile: Mapping[str, str], clicks: tuple[str, ...] = ()) -> UserContext:
    history = History(
        item_keys(clicks),
        np.arange(len(clicks), 0, -1).astype(np.uint32),
        np.full(len(clicks), EventType.CLICK, np.uint8),
        np.zeros(len(clicks), np.float32),
    )
    return UserContext("u", True, profile, history)


def test_the_channels_are_those_that_need_nobody(empty: Path) -> None:
    manifest = Manifest.read(empty)
    assert set(manifest.channels) == set(UNTRAINED)
    assert manifest.recall == {}


def test_a_stranger_gets_the_catalog(empty: Path) -> None:
    rows, _ = served(empty, UserContext.unknown("u"))
    assert rows == list(range(20))


def test_what_a_new_user_chose_comes_first(empty: Path) -> None:
    rows, categories = served(empty, user({PREFERENCES: json.dumps(["poetry"])}))
    assert len(rows) == 20
    assert sum("poetry" in names for names in categories[:10]) >= 7


def test_what_is_like_the_clicked_item_comes_first(empty: Path) -> None:
    rows, categories = served(empty, user({}, ("i02",)))
    assert 2 not in rows
    assert sum("travel" in names for names in categories[:9]) >= 6


def test_tags_and_text_are_in_the_release(empty: Path) -> None:
    schema = FeatureSchema.read(empty)
    assert schema.tags == ("signed", "used")
    assert schema.text_size == 16
    assert schema.item == ()  # tags and text are no attributes
    catalog = Catalog(empty, schema.categories, schema.tags)
    assert catalog.tags(2) == ("signed", "used")
    assert np.flatnonzero(catalog.rows_with_tags(["used"])).tolist() == list(range(2, ITEMS, 3))
    assert catalog.rows_with_tags(["used", "signed"]).sum() == ITEMS // 3
    assert not catalog.rows_with_tags(["used", "unknown"]).any()
    assert catalog.rows_with_tags([]).all()


def test_nothing_is_told_of_what_was_not_measured(empty: Path) -> None:
    assert Manifest.read(empty).metrics == {}
    places = Places.read(empty)
    made = report(places, (10,))
    assert made.tables == ()
    assert made.facts[-1][0] == "nothing measured"
    with pytest.raises(EvaluationError, match="nothing was measured"):
        comparison(places, places, (10,))


def test_a_data_set_without_items_is_refused(tmp_path: Path) -> None:
    about = Description("nothing", "made up", "", has_clock=True)
    nothing = save(tmp_path, about, Tables(NO_LOG.rows, NO_USERS, NO_ITEMS), NO_LOG.rejected)
    with pytest.raises(DataError, match="no items"):
        train_release(nothing, tmp_path / "r", SETTINGS, quiet)
    assert not list((tmp_path / "r").glob("*"))
