"""Histories that are built again from base data and logged events."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Tables
from models.data.from_log import pseudonymised
from models.data.served import ServedLog
from models.skew.check import Check
from models.skew.histories import LENGTH, check_histories
from models.training.synthetic import make_dataset
from recstack.users import users_of
from services.domain.context import History
from services.domain.events import EventType
from services.domain.ids import item_key
from services.domain.user_state import UserImport
from services.journal.pseudonym import pseudonym
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import make_entry

KEY = bytes(range(32))
USER = pseudonym("u0000", KEY)
NOW = 1_700_000_000
MS = 1000


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, UserImport]:
    """The base, and its first user as it is loaded into the feature store."""
    base = make_dataset(tmp_path_factory.mktemp("data") / "shop", users=3, items=12, seed=1)
    return pseudonymised(base, KEY), next(iter(users_of(base.folder)))


def check(folder: Path, base: Tables, history: History, degraded: tuple[str, ...] = ()) -> Check:
    """A request of NOW with this history, logged 100 ms later."""
    asked = replace(make_entry(1).asked, user=USER, time=NOW, history=history)
    entry = replace(make_entry(1), asked=asked, degraded=degraded)
    write_requests(folder, [(NOW * MS + 100, entry)])
    log = ServedLog(folder)
    return check_histories(log.requests(), base, log.events())


def with_event(history: History, item: str, kind: EventType, time: int) -> History:
    return History(
        np.append(np.uint64(item_key(item)), history.keys),
        np.append(np.uint32(time), history.times),
        np.append(np.uint8(kind), history.events),
        np.append(np.float32(0), history.values),
    )


def test_a_loaded_user_has_the_history_of_the_base(
    tmp_path: Path, loaded: tuple[Tables, UserImport]
) -> None:
    base, user = loaded
    found = check(tmp_path, base, user.history)
    assert (found.compared, found.differences) == (1, [])


def test_events_before_the_request_are_in_it_and_impressions_are_not(
    tmp_path: Path, loaded: tuple[Tables, UserImport]
) -> None:
    base, user = loaded
    click, impression = EventType.CLICK, EventType.IMPRESSION
    taken = (NOW - 10) * MS
    write_events(
        tmp_path,
        [
            (taken, event(USER, "i0001", click, NOW - 10)),
            (taken + 1, event(USER, "i0002", impression, NOW - 10)),
        ],
    )
    assert check(tmp_path, base, user.history).differences
    newer = with_event(user.history, "i0001", click, NOW - 10)
    assert not check(tmp_path, base, newer).differences


def test_an_event_at_the_time_of_the_request_may_be_in_it_or_not(
    tmp_path: Path, loaded: tuple[Tables, UserImport]
) -> None:
    base, user = loaded
    write_events(tmp_path, [(NOW * MS + 50, event(USER, "i0001", EventType.LIKE, NOW))])
    assert not check(tmp_path, base, user.history).differences
    newer = with_event(user.history, "i0001", EventType.LIKE, NOW)
    assert not check(tmp_path, base, newer).differences


def test_an_event_of_the_past_goes_to_its_place(
    tmp_path: Path, loaded: tuple[Tables, UserImport]
) -> None:
    base, user = loaded
    old = int(user.history.times[-1])  # as old as the oldest: it came later, so it stands before
    write_events(tmp_path, [(NOW * MS - 60_000, event(USER, "i0001", EventType.LIKE, old))])
    history = user.history
    last = History(*(column[-1:] for column in columns(history)))
    expected = [
        np.append(a[:-1], b)
        for a, b in zip(
            columns(history), columns(with_event(last, "i0001", EventType.LIKE, old)), strict=True
        )
    ]
    assert not check(tmp_path, base, History(*expected)).differences
    assert check(tmp_path, base, with_event(history, "i0001", EventType.LIKE, old)).differences


def test_only_the_newest_are_kept(tmp_path: Path, loaded: tuple[Tables, UserImport]) -> None:
    base, user = loaded
    history = user.history
    start = NOW - 1_000
    events = []
    for i in range(LENGTH):
        events.append((start * MS + i, event(USER, f"x{i}", EventType.CLICK, start + i)))
        history = with_event(history, f"x{i}", EventType.CLICK, start + i)
    write_events(tmp_path, events)
    assert not check(tmp_path, base, history.head(LENGTH)).differences


def test_what_differs_is_told(tmp_path: Path, loaded: tuple[Tables, UserImport]) -> None:
    base, user = loaded
    shorter = check(tmp_path, base, user.history.head(3))
    missing = len(user.history) - 3
    assert [d.what for d in shorter.differences] == [
        f"its oldest {missing} events are missing: erased, expired or never loaded"
    ]
    assert shorter.differences[0].request_id == "request-1"
    values = user.history.values.copy()
    values[1] += 1
    other = replace(user.history, values=values)
    assert check(tmp_path, base, other).differences[0].what.startswith("event 1 of ")


def test_a_request_without_the_feature_store_is_skipped(
    tmp_path: Path, loaded: tuple[Tables, UserImport]
) -> None:
    base, _ = loaded
    found = check(tmp_path, base, History.empty(), ("feature_store",))
    assert (found.compared, found.skipped) == (0, {"without the feature store": 1})


def columns(history: History) -> tuple[np.ndarray, ...]:
    return history.keys, history.times, history.events, history.values
