"""The item table as a release sees it."""

import numpy as np
import pytest

from models.schema.catalog import Catalog
from services.domain.arrays import F32, I32
from services.domain.ids import item_key, item_keys
from services.domain.live import STATISTICS, Live
from services.inference import background
from services.items.record import ItemRecord
from services.recall.content_tower import ContentTower
from services.recall.release_items import ReleaseItems
from services.statistics.snapshot import Snapshot
from tests.unit.recall.items import ITEMS
from tests.unit.recall.tower import SCHEMA, write_tower

NOTHING = Snapshot(0)
NOW = 1000


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> ContentTower:
    return write_tower(tmp_path_factory.mktemp("tower"))


def put(item_id: str, born: int = 10, expires_at: int = 0, **fields: object) -> ItemRecord:
    given = {"categories": ("even",), **fields}
    return ItemRecord(item_id, born=born, put_at=born, expires_at=expires_at, **given)  # type: ignore[arg-type]


def changes(*records: ItemRecord) -> dict[int, ItemRecord | None]:
    return {record.key: record for record in records}


def ids(live: Live) -> set[str]:
    return set(live.fresh.items.ids)


@pytest.fixture
def items(catalog: Catalog, tower: ContentTower) -> ReleaseItems:
    return ReleaseItems(catalog, tower, most=4)


def test_an_item_the_release_does_not_have_is_new_and_encoded(items: ReleaseItems) -> None:
    record = put("n1", title="A word", text="more", tags=("t",), attributes={"colour": "blue"})
    items.apply(changes(record), NOW)
    fresh = items.live(NOTHING).fresh
    features = SCHEMA.content_features(("even",), {"colour": "blue"}, "A word more")
    np.testing.assert_array_equal(fresh.items.features, [features])
    np.testing.assert_allclose(
        fresh.items.vectors, [features / np.linalg.norm(features)], atol=1e-6
    )
    assert (fresh.items.ids, fresh.keys.tolist()) == (("n1",), [item_key("n1")])
    assert (fresh.categories, fresh.tags, fresh.born.tolist()) == ((("even",),), (("t",),), [10])


def test_what_is_encoded_beside_traffic_gives_way_at_every_item(
    items: ReleaseItems, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = list[float]()
    monkeypatch.setattr(background, "PART_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", slept.append)
    with background.paced(0.5):
        items.apply(changes(put("n1"), put("n2"), put("n3")), NOW)
    assert len(slept) >= 9  # when it is looked at, encoded and kept


def test_an_item_of_which_the_release_knows_nothing_has_no_direction(items: ReleaseItems) -> None:
    record = put("n1", categories=("unheard of",), attributes={"colour": "green"})
    items.apply(changes(record), NOW)
    assert not items.live(NOTHING).fresh.items.vectors.any()


def test_new_items_are_ordered_by_key_and_stay_when_others_change(items: ReleaseItems) -> None:
    items.apply(changes(*(put(f"n{i}") for i in range(3))), NOW)
    items.apply(changes(put("n3")), NOW)
    fresh = items.live(NOTHING).fresh
    assert set(fresh.items.ids) == {"n0", "n1", "n2", "n3"}
    assert (np.diff(fresh.keys) > 0).all()
    assert fresh.keys.tolist() == item_keys(fresh.items.ids).tolist()


def test_of_too_many_the_newest_are_kept(items: ReleaseItems) -> None:
    items.apply(changes(*(put(f"n{i}", born=i + 1) for i in range(6))), NOW)
    assert ids(items.live(NOTHING)) == {"n2", "n3", "n4", "n5"}
    assert items.left_out == 2
    items.apply({item_key("n5"): None}, NOW)
    assert ids(items.live(NOTHING)) == {"n1", "n2", "n3", "n4"}


@pytest.mark.parametrize("state", ["hidden", "deleted", "expired", "forgotten"])
def test_a_new_item_that_may_not_be_shown_goes_and_comes_back(
    items: ReleaseItems, state: str
) -> None:
    states = {
        "hidden": ItemRecord("n1", born=10, put_at=10, hidden=True),
        "deleted": ItemRecord("n1", deleted=True, expires_at=20),
        "expired": put("n1", expires_at=NOW),
        "forgotten": None,
    }
    for record, shown in ((put("n1"), {"n1"}), (states[state], set()), (put("n1"), {"n1"})):
        items.apply({item_key("n1"): record}, NOW)
        assert ids(items.live(NOTHING)) == shown


def test_a_new_item_goes_when_its_time_comes(items: ReleaseItems) -> None:
    items.apply(changes(put("n1", expires_at=NOW + 5), put("n2")), NOW)
    live = items.live(NOTHING)
    assert ids(live) == {"n1", "n2"}
    row = np.array([-1 - live.fresh.items.ids.index("n1")], np.int32)
    assert [bool(live.takedowns.gone(row, NOW + at)[0]) for at in (4, 5)] == [False, True]
    assert [items.due(NOW + at) for at in (4, 5)] == [False, True]
    items.apply({}, NOW + 5)
    assert ids(items.live(NOTHING)) == {"n2"}
    assert not items.due(NOW + 100)


def gone(live: Live, now: int) -> list[int]:
    rows: I32 = np.arange(ITEMS, dtype=np.int32)
    return np.flatnonzero(live.takedowns.gone(rows, now)).tolist()


def test_items_of_the_release_are_taken_down(items: ReleaseItems) -> None:
    items.apply(
        changes(
            ItemRecord("7", hidden=True),
            ItemRecord("2", expires_at=50),
            ItemRecord("5", deleted=True, expires_at=60),
            ItemRecord("nobody knows", hidden=True),
            put("4"),
        ),
        NOW,
    )
    live = items.live(NOTHING)
    assert gone(live, 49) == [5, 7]
    assert gone(live, 50) == [2, 5, 7]
    items.apply(changes(ItemRecord("7")), NOW)
    assert gone(items.live(NOTHING), 50) == [2, 5]


def test_other_labels_than_those_of_the_release_are_noted(
    items: ReleaseItems, catalog: Catalog
) -> None:
    same = put("4", categories=catalog.categories(4), tags=catalog.tags(4))
    items.apply(changes(put("3", categories=("rest",), tags=("low",)), same), NOW)
    changed = items.live(NOTHING).changed
    assert changed.rows.tolist() == [3]
    assert (changed.categories, changed.tags) == ((("rest",),), (("low",),))
    items.apply(changes(ItemRecord("3", deleted=True, expires_at=5)), NOW)
    assert items.live(NOTHING).changed.rows.tolist() == []


def test_statistics_and_trending_items_have_the_rows_of_both(items: ReleaseItems) -> None:
    items.apply(changes(put("n1"), put("n2")), NOW)
    named = ["3", "n1", "n2", "unheard of"]
    keys = item_keys(named)
    order = np.argsort(keys)
    values: F32 = np.arange(1, 25, dtype=np.float32).reshape(4, len(STATISTICS))
    trend = item_keys(["n2", "gone", "3"])
    scores = np.array([3, 2, 1], np.float32)
    live = items.live(Snapshot(9, keys[order], values[order], trend, scores))
    new = {one: -1 - place for place, one in enumerate(live.fresh.items.ids)}
    rows = np.array([3, new["n1"], new["n2"], 4], np.int32)
    np.testing.assert_array_equal(live.statistics_of(rows), [*values[:3], [0] * len(STATISTICS)])
    assert live.trending_rows.tolist() == [new["n2"], 3]
    assert live.trending_scores.tolist() == [3, 1]


def test_a_release_without_a_content_tower_has_no_new_items(catalog: Catalog) -> None:
    items = ReleaseItems(catalog, None, most=4)
    items.apply(changes(put("n1"), ItemRecord("7", hidden=True)), NOW)
    live = items.live(NOTHING)
    assert len(live.fresh) == 0
    assert gone(live, NOW) == [7]
