"""The format on disk."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from models.data import DataError, dataset
from models.data.dataset import Dataset, Description, Tables, save
from models.data.interactions import REJECTED_SCHEMA

ABOUT = Description("shop", "made for tests", "", has_clock=True)
TABLES = Tables(
    pl.DataFrame(
        {
            "user_id": ["1", "1"],
            "item_id": ["a", "b"],
            "event": pl.Series([2, 3], dtype=pl.UInt8),
            "value": pl.Series([0, 4], dtype=pl.Float32),
            "time": [10, 20],
            "order": [0, 1],
        }
    ),
    pl.DataFrame({"user_id": ["1"], "city": ["Oslo"]}),
    pl.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"], "categories": [["x"], []]}),
)
NONE_REJECTED = pl.DataFrame(schema=REJECTED_SCHEMA)


def test_what_is_saved_is_opened(tmp_path: Path) -> None:
    save(tmp_path / "deep" / "er", ABOUT, TABLES, NONE_REJECTED)
    opened = Dataset.open(tmp_path / "deep" / "er" / "shop")
    tables = opened.tables()
    assert tables.interactions.equals(TABLES.interactions)
    assert tables.users.equals(TABLES.users)
    assert tables.items.equals(TABLES.items)
    assert opened.description.counts == {"interactions": 2, "users": 1, "items": 2}
    assert opened.description.fingerprint == tables.fingerprint()
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["shop"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(TABLES, interactions=TABLES.interactions.with_columns(value=pl.lit(1.0))),
        replace(TABLES, interactions=TABLES.interactions.reverse()),
        replace(TABLES, users=TABLES.users.rename({"city": "town"})),
        replace(TABLES, items=TABLES.items.with_columns(title=pl.Series(["AB", ""]))),
        replace(TABLES, items=TABLES.items.with_columns(categories=pl.Series([[], ["x"]]))),
    ],
)
def test_the_fingerprint_is_of_the_content(changed: Tables) -> None:
    assert changed.fingerprint() != TABLES.fingerprint()


def test_the_fingerprint_is_not_of_the_layout_in_memory() -> None:
    halves = pl.concat([TABLES.interactions[:1], TABLES.interactions[1:]], rechunk=False)
    assert replace(TABLES, interactions=halves).fingerprint() == TABLES.fingerprint()


def test_a_data_set_is_replaced_only_by_force(tmp_path: Path) -> None:
    save(tmp_path, ABOUT, TABLES, NONE_REJECTED)
    with pytest.raises(DataError, match="already there; --force replaces it"):
        save(tmp_path, ABOUT, TABLES, NONE_REJECTED)
    save(tmp_path, replace(ABOUT, source="again"), TABLES, NONE_REJECTED, force=True)
    assert Dataset.open(tmp_path / "shop").description.source == "again"
    assert len(list(tmp_path.iterdir())) == 1


def test_another_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "letters.txt").write_text("mine")
    with pytest.raises(DataError, match="not a data set, so it is not replaced"):
        save(tmp_path, ABOUT, TABLES, NONE_REJECTED, force=True)
    assert (tmp_path / "shop" / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "../shop", "a/b", ".shop", "a b", "x" * 65])
def test_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is not a name"):
        save(tmp_path, replace(ABOUT, name=name), TABLES, NONE_REJECTED)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        save(tmp_path / "file", ABOUT, TABLES, NONE_REJECTED)


def test_items_that_share_a_key_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No two ids with one 64-bit key are known, so the hash is cut short here.
    monkeypatch.setattr(dataset, "item_keys", lambda ids: [0 for _ in ids])
    with pytest.raises(DataError, match="items 'a' and 'b' have the same key"):
        save(tmp_path, ABOUT, TABLES, NONE_REJECTED)
    assert list(tmp_path.iterdir()) == []


def test_opening_what_is_not_a_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder; make one with"):
        Dataset.open(tmp_path / "none")
    with pytest.raises(DataError, match=r"it has no dataset\.json; make one with"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', '{"format": 1, "x": 2}'])
def test_opening_a_damaged_description(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataError, match="does not describe a data set"):
        Dataset.open(tmp_path)


def test_opening_another_format(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(DataError, match="has format 99; this version of recstack reads 1"):
        Dataset.open(tmp_path)


def test_opening_a_damaged_data_set(tmp_path: Path) -> None:
    made = save(tmp_path, ABOUT, TABLES, NONE_REJECTED)
    (made.folder / "users.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is damaged"):
        Dataset.open(made.folder).tables()
    (made.folder / "users.parquet").unlink()
    with pytest.raises(DataError, match=r"is damaged: users\.parquet is missing"):
        Dataset.open(made.folder)
