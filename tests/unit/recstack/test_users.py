"""Users of a data set on their way into the feature store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.data.dataset import Description, Tables, save
from models.data.importer import NO_ITEMS, NO_USERS
from models.data.interactions import NO_LOG
from recstack.users import HISTORY, NOBODY, PART, example_user, load_users, users_of
from services.domain.context import History
from services.domain.ids import item_keys
from services.domain.user_state import UserImport
from tests.unit.recstack import dataset

EVENTS = HISTORY + 50


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """User a with more events than a history holds, user b with one."""
    events = [("a", f"i{n}") for n in range(EVENTS)] + [("b", "i7")]
    return dataset.write(tmp_path, "d", events)


def test_histories_are_the_last_events_newest_first_and_seen_is_everything(data: Path) -> None:
    a, b = users_of(data)
    newest_first = item_keys(f"i{n}" for n in reversed(range(EVENTS)))
    assert (a.user_id, b.user_id) == ("a", "b")
    assert np.array_equal(a.history.keys, newest_first[:HISTORY])
    assert np.array_equal(a.seen_keys, newest_first)
    assert a.history.times[:2].tolist() == [1000 + EVENTS - 1, 1000 + EVENTS - 2]
    assert np.array_equal(b.history.keys, item_keys(["i7"]))


def test_attributes_that_are_not_known_are_left_out(data: Path) -> None:
    a, b = users_of(data)
    assert a.profile == {"gender": "F"}
    assert b.profile == {}


def test_users_who_did_nothing_yet_come_with_their_profile(tmp_path: Path) -> None:
    users = pl.DataFrame({"user_id": ["ann", "bob"], "age": ["20", ""]})
    about = Description("new", "a test", "", has_clock=True)
    folder = save(tmp_path, about, Tables(NO_LOG.rows, users, NO_ITEMS), NO_LOG.rejected).folder
    ann, bob = users_of(folder)
    assert (ann.user_id, ann.profile, len(ann.history), len(ann.seen_keys)) == (
        *("ann", {"age": "20"}, 0, 0),
    )
    assert (bob.user_id, bob.profile) == ("bob", {})


def test_somebody_to_try(data: Path, tmp_path: Path) -> None:
    about = Description("none", "a test", "", has_clock=True)
    tables = Tables(NO_LOG.rows, NO_USERS, NO_ITEMS)
    nobody = save(tmp_path, about, tables, NO_LOG.rejected).folder
    assert [example_user(one) for one in (data, nobody, None)] == ["a", NOBODY, NOBODY]


@dataclass
class Added:
    existing: int


class Memory:
    """The law of imports, in memory."""

    def __init__(self) -> None:
        self.users: dict[str, UserImport] = {}
        self.finished: set[str] = set()
        self.parts: list[int] = []

    async def done(self, fingerprint: str) -> bool:
        return fingerprint in self.finished

    async def add(self, fingerprint: str, users: Sequence[UserImport], last: bool) -> Added:
        existing = sum(user.user_id in self.users for user in users)
        for user in users:
            self.users.setdefault(user.user_id, user)
        self.parts.append(len(users))
        if last:
            self.finished.add(fingerprint)
        return Added(existing)


def some(count: int) -> list[UserImport]:
    return [UserImport(str(n), {}, History.empty(), item_keys(())) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 3 * PART])
async def test_every_user_is_loaded_in_parts_and_the_import_finished(count: int) -> None:
    store = Memory()
    assert await load_users(store, "f", some(count)) == 0
    assert len(store.users) == count
    assert max(store.parts) <= PART
    assert store.finished == {"f"}


async def test_a_finished_import_is_not_repeated(data: Path) -> None:
    store = Memory()
    await load_users(store, "f", some(3))
    assert await load_users(store, "f", some(5)) == 0
    assert len(store.users) == 3


async def test_users_that_are_there_are_counted() -> None:
    store = Memory()
    await load_users(store, "f", some(3))
    assert await load_users(store, "g", some(5)) == 3
