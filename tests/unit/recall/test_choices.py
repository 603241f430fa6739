"""Users who chose categories begin near the items of these."""

import json
from pathlib import Path

import numpy as np

from models.schema import layout
from services.domain.context import PREFERENCES, History, RequestContext, UserContext
from services.domain.live import NOTHING_LIVE
from services.domain.stages import RecallQuery
from services.recall.channels.two_tower import TwoTower
from services.recall.choices import Choices
from services.recall.settings import RecallSettings
from services.recall.tables import open_tables
from tests.releases import release
from tests.unit.recall.items import CATEGORIES, ITEMS, categories_of, write_catalog

__all__ = ["release"]


def query(chosen: str, events: int = 0) -> RecallQuery:
    """A user with so many events on items that nobody knows."""
    history = History(
        np.arange(events).astype(np.uint64),
        np.zeros(events, np.uint32),
        np.full(events, 2, np.uint8),
        np.zeros(events, np.float32),
    )
    context = UserContext("u", True, {PREFERENCES: chosen}, history)
    return RecallQuery("r", context, RequestContext(now=0), 10, 1.0)


def written(folder: Path) -> Choices:
    """Item i has the unit vector of its first category; popular are the lower rows."""
    catalog = write_catalog(folder)
    (folder / "recall").mkdir()
    axes = [CATEGORIES.index(categories_of(row)[0]) for row in range(ITEMS)]
    np.save(folder / layout.VECTORS, np.eye(4, dtype=np.float32)[axes])
    np.save(folder / layout.POPULAR_ROWS, np.arange(ITEMS, dtype=np.int32))
    np.save(folder / layout.POPULAR_SCORES, np.linspace(1, 0, ITEMS, dtype=np.float32))
    return Choices.open(folder, catalog, (*CATEGORIES, "empty"))


def test_a_category_points_to_its_items(tmp_path: Path) -> None:
    found = written(tmp_path).vectors
    np.testing.assert_allclose(found[0], [1, 0, 0, 0], atol=1e-6)  # even comes first
    weights = 0.1 + 0.9 * np.sqrt(np.linspace(1, 0, ITEMS))
    third = [row for row in range(ITEMS) if row % 3 == 0]
    sums = [sum(weights[r] for r in third if r % 2 == odd) for odd in (0, 1)]
    np.testing.assert_allclose(found[1, :2], sums / np.linalg.norm(sums), atol=1e-6)
    np.testing.assert_allclose(found[2], [0, 0, 1, 0], atol=1e-6)
    assert not found[3].any()


def test_choices_lead_and_events_take_over(tmp_path: Path) -> None:
    choices = written(tmp_path)
    plain = np.array([0.0, 0.0, 0.0, 1.0], np.float32)
    asked = [query('["rest"]', events) for events in (0, 10, 90)]
    led = choices.lead(np.stack([plain] * 3), asked)
    np.testing.assert_allclose(np.linalg.norm(led, axis=1), 1.0, atol=1e-6)
    shares = np.array([0.65, 0.325, 0.065])
    np.testing.assert_allclose(led[:, 2] / led[:, 3], shares / (1 - shares), rtol=1e-5)


def test_who_chose_nothing_known_keeps_the_vector(tmp_path: Path) -> None:
    choices = written(tmp_path)
    plain = np.eye(4, dtype=np.float32)[:3]
    asked = [query(chosen) for chosen in ("[]", '["unknown"]', "no list")]
    assert choices.lead(plain, asked) is plain


def test_what_was_chosen_is_recalled_first(release: Path) -> None:
    """By the towers of a trained release: more of the category than without the choice."""
    tables = open_tables(release, RecallSettings())
    names = [name for name in tables.schema.categories if name != "even"]
    source = TwoTower.open(tables)
    counts = []
    for name in names:
        asked = [query(json.dumps([name])), query("[]")]
        found = source.fetch(asked, [10, 10], NOTHING_LIVE)
        counts.append([tables.catalog.rows_in([name])[one.rows].sum() for one in found])
    chosen, plain = np.array(counts).T
    assert (chosen >= plain).all()
    assert chosen.sum() >= 2 * plain.sum()
