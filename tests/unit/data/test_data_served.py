"""The served log, read back: each row once, in order, and as it was written."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.data import DataError
from models.data.served import ServedLog
from services.domain.events import EventType
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import degraded_entry, make_entry
from tests.unit.journal.test_request import assert_same

ANNA, BORIS = b"a" * 16, b"b" * 16


def test_a_folder_without_a_log_is_empty(tmp_path: Path) -> None:
    log = ServedLog(tmp_path / "nothing")
    assert log.events().is_empty()
    assert list(log.requests()) == []


def test_events_are_in_the_order_redis_took_them(tmp_path: Path) -> None:
    late = event(ANNA, "late", EventType.CLICK, 50)
    early = event(BORIS, "early", EventType.LIKE, 90, "r1")
    write_events(tmp_path, [(2_000, late), (1_000, early)])
    assert ServedLog(tmp_path).events().rows() == [
        (BORIS.hex(), "early", early.key, int(EventType.LIKE), 90, 0.0, "r1", 1_000),
        (ANNA.hex(), "late", late.key, int(EventType.CLICK), 50, 0.0, "", 2_000),
    ]


def test_a_row_that_is_in_two_files_is_read_once(tmp_path: Path) -> None:
    write_events(tmp_path, [(1_000, event(ANNA, "i1", EventType.CLICK, 50))])
    write_requests(tmp_path, [(1_000, make_entry(1)), (1_000, make_entry(2))])
    for file in list(tmp_path.rglob("*.parquet")):
        shutil.copy(file, file.with_name("again.parquet"))
    log = ServedLog(tmp_path)
    assert log.events().height == 1
    assert [r.entry.request_id for r in log.requests()] == ["request-1", "request-2"]


def test_requests_are_as_they_were_logged(tmp_path: Path) -> None:
    anna = replace(make_entry(1).asked, user=ANNA)
    entries = [replace(make_entry(1), asked=anna), make_entry(2, inline=3), degraded_entry(3)]
    write_requests(tmp_path, [(10 + i, entry) for i, entry in enumerate(entries)])
    found = {request.received_ms: request.entry for request in ServedLog(tmp_path).requests()}
    for i, entry in enumerate(entries):
        assert_same(found[10 + i], entry)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "requests" / "p0" / "1-0_2-0.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"1-0_2-0\.parquet"):
        list(ServedLog(tmp_path).requests())
