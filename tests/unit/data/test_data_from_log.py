"""A data set that goes on from another one with what was served."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from models.data.dataset import Dataset
from models.data.from_log import from_log
from models.data.importer import Imported, Target
from models.data.served import ServedLog
from models.training.synthetic import make_dataset
from services.domain.events import EventType
from services.items.record import ItemRecord
from services.journal.pseudonym import pseudonym
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import make_entry

KEY = bytes(range(32))
ANNA = pseudonym("u0000", KEY)  # a user of the base
NEW = pseudonym("newcomer", KEY)
NOW = 1_700_000_000


@pytest.fixture
def base(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "shop", users=4, items=12, seed=1)


def make(tmp_path: Path, base: Dataset, *items: ItemRecord) -> Imported:
    return from_log(ServedLog(tmp_path / "var"), base, KEY, Target(tmp_path, "log", True), items)


def test_no_user_id_of_the_base_is_left(tmp_path: Path, base: Dataset) -> None:
    made = make(tmp_path, base).dataset
    assert made.description.pseudonymous
    before, after = base.tables(), made.tables()
    assert after.interactions.height == before.interactions.height
    users = [pseudonym(user, KEY).hex() for user in before.users["user_id"]]
    assert after.users["user_id"].to_list() == sorted(users)
    assert set(after.interactions["user_id"]) == set(users)
    profile = before.users.filter(pl.col("user_id") == "u0000").row(0)[1:]
    assert after.users.filter(pl.col("user_id") == ANNA.hex()).row(0)[1:] == profile


def test_logged_events_follow_the_history_of_their_user(tmp_path: Path, base: Dataset) -> None:
    write_events(
        tmp_path / "var",
        [
            (2, event(ANNA, "i0003", EventType.LIKE, NOW)),
            (3, event(ANNA, "i0001", EventType.CLICK, NOW - 5)),
            (4, event(NEW, "i0002", EventType.CLICK, NOW)),
        ],
    )
    rows = make(tmp_path, base).dataset.tables().interactions
    hers = rows.filter(pl.col("user_id") == ANNA.hex())
    old = base.tables().interactions.filter(pl.col("user_id") == "u0000")
    assert hers["item_id"].to_list() == [*old["item_id"], "i0001", "i0003"]
    assert hers["order"].to_list() == list(range(old.height + 2))
    assert rows.filter(pl.col("user_id") == NEW.hex())["item_id"].to_list() == ["i0002"]


def test_a_log_that_is_in_the_base_already_adds_nothing(tmp_path: Path, base: Dataset) -> None:
    write_events(tmp_path / "var", [(2, event(ANNA, "i0003", EventType.LIKE, NOW))])
    first = make(tmp_path, base).dataset
    again = make(tmp_path, first).dataset
    assert again.description.fingerprint == first.description.fingerprint
    assert again.description.duplicates == 1


def test_the_newest_logged_profile_counts(tmp_path: Path, base: Dataset) -> None:
    asked = replace(make_entry(1).asked, user=ANNA)
    old = replace(make_entry(1), asked=replace(asked, profile={"age": "1"}))
    new = replace(
        make_entry(2),
        asked=replace(asked, profile={"age": "44", "city": "Żory", "preferences": '["x"]'}),
    )
    write_requests(tmp_path / "var", [(9, new), (5, old)])
    users = make(tmp_path, base).dataset.tables().users
    assert users.columns == ["user_id", "age", "taste", "city"]
    assert users.filter(pl.col("user_id") == ANNA.hex()).row(0)[1:] == ("44", "", "Żory")
    assert users["city"].null_count() == 0


def test_items_that_were_put_are_in_it(tmp_path: Path, base: Dataset) -> None:
    fresh = ItemRecord(
        "fresh", "Fresh", ("drama",), ("new",), {"year": "2026"}, born=NOW, put_at=NOW
    )
    write_events(tmp_path / "var", [(2, event(ANNA, "fresh", EventType.LIKE, NOW))])
    hidden = ItemRecord("i0001", hidden=True)
    items = make(tmp_path, base, fresh, hidden).dataset.tables().items
    assert items.height == base.tables().items.height + 1
    row = items.filter(pl.col("item_id") == "fresh").to_dicts()[0]
    assert row == {
        "item_id": "fresh",
        "title": "Fresh",
        "categories": ["drama"],
        "year": "2026",
        "tags": ["new"],
    }
    assert items.filter(pl.col("item_id") == "i0001")["title"].item() == "Item 1"


def test_items_that_were_put_without_features_are_in_it(tmp_path: Path, base: Dataset) -> None:
    """Nothing tells the type of an empty list; a name of our own is no attribute."""
    bare = ItemRecord("bare", born=NOW, put_at=NOW)
    odd = ItemRecord("odd", "Odd", attributes={"tags": "x", "title": "y"}, born=NOW, put_at=NOW)
    items = make(tmp_path, base, bare, odd).dataset.tables().items
    rows = items.filter(pl.col("item_id").is_in(["bare", "odd"]))
    assert items.columns == base.tables().items.columns
    assert rows.select("item_id", "title", "categories").rows() == [
        ("bare", "bare", []),
        ("odd", "Odd", []),
    ]


def test_events_of_items_without_an_id_are_rejected(tmp_path: Path, base: Dataset) -> None:
    nameless = event(ANNA, "who knows", EventType.LIKE, NOW)._replace(item_id="")
    known = event(ANNA, "i0005", EventType.LIKE, NOW)._replace(item_id="")
    write_events(tmp_path / "var", [(2, nameless), (3, known)])
    done = make(tmp_path, base)
    assert done.rejected["reason"].to_list() == ["only the key of its item is known"]
    hers = done.dataset.tables().interactions.filter(pl.col("time") == NOW)
    assert hers["item_id"].to_list() == ["i0005"]


def test_events_have_what_their_request_happened_in(tmp_path: Path, base: Dataset) -> None:
    asked = replace(
        make_entry(1).asked, user=ANNA, placement="home", attributes={"device": "tv", "time": "x"}
    )
    request = replace(make_entry(1), asked=asked)
    write_requests(tmp_path / "var", [(5, request)])
    write_events(
        tmp_path / "var",
        [
            (6, event(ANNA, "i0003", EventType.LIKE, NOW, request.request_id)),
            (7, event(ANNA, "i0001", EventType.CLICK, NOW + 1)),
        ],
    )
    rows = make(tmp_path, base).dataset.tables().interactions
    assert rows.columns[6:] == ["device", "placement"], "a column of our own is none"
    hers = rows.filter((pl.col("user_id") == ANNA.hex()) & (pl.col("time") >= NOW))
    assert hers.rows()[0][6:] == ("tv", "home")
    assert hers.rows()[1][6:] == ("", "")
    assert set(rows.filter(pl.col("time") < NOW)["device"]) == {""}
