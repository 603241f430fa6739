"""Small files become one, and no row is lost."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.domain.events import Event, EventType
from services.events import joining, parquet
from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.events.joining import WORTH, join_small
from services.events.upkeep import tidy
from services.journal.event import EVENTS, EventEntry, decode_event, encode_event

LATER = 1000.0


def entry(ms: int) -> Entry[EventEntry]:
    payload = encode_event(Event(f"e{ms}", ms, EventType.CLICK, 9, 0.5), b"u" * 16)
    return Entry(EntryId(ms, 0), decode_event(payload), len(payload))


def write(folder: Path, *times: int) -> Path:
    path = parquet.path_of(folder, EntryId(times[0], 0), EntryId(times[-1], 0))
    written = parquet.unfinished(path, "test")
    table = parquet.table_of(EVENTS, 0, [entry(ms) for ms in times])
    parquet.write_unfinished(written, table.schema, [table])
    parquet.finish(written, path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def times(folder: Path) -> Sequence[int]:
    return sorted(
        ms for path in folder.iterdir() for ms in pq.read_table(path)["received_ms"].to_pylist()
    )


def test_small_files_become_one_with_all_their_rows(tmp_path: Path) -> None:
    for ms in range(100, 120, 2):
        write(tmp_path, ms, ms + 1)
    assert join_small(tmp_path, LATER) == 10
    assert names(tmp_path) == ["100-0_119-0.parquet"]
    assert times(tmp_path) == list(range(100, 120))
    assert join_small(tmp_path, LATER) == 0


def test_files_that_are_new_few_or_not_ours_are_left_alone(tmp_path: Path) -> None:
    for ms in range(100, 100 + WORTH - 1):
        write(tmp_path, ms)
    for ms in range(2_000_000, 2_000_000 + WORTH):
        write(tmp_path, ms)
    (tmp_path / "mine.parquet").write_text("")
    before = names(tmp_path)
    assert join_small(tmp_path, LATER) == 0
    assert names(tmp_path) == before


def test_large_files_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ms in range(100, 100 + WORTH):
        write(tmp_path, ms)
    large = write(tmp_path, *range(200, 600))
    for ms in range(700, 700 + WORTH):
        write(tmp_path, ms)
    monkeypatch.setattr(joining, "SMALL", large.stat().st_size)
    assert join_small(tmp_path, LATER) == 2 * WORTH
    assert len(names(tmp_path)) == 3
    assert len(times(tmp_path)) == 400 + 2 * WORTH


def test_one_file_has_no_more_than_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = [write(tmp_path, ms).stat().st_size for ms in range(100, 100 + 3 * WORTH)]
    monkeypatch.setattr(joining, "JOINED", WORTH * max(size))
    assert join_small(tmp_path, LATER) >= 2 * WORTH
    assert len(names(tmp_path)) > 1
    assert times(tmp_path) == list(range(100, 100 + 3 * WORTH))


def test_files_that_overlap_after_a_crash_keep_every_row(tmp_path: Path) -> None:
    for ms in range(101, 101 + WORTH):
        write(tmp_path, ms)
    whole = write(tmp_path, *range(100, 120))  # has rows of the others too
    join_small(tmp_path, LATER)
    assert names(tmp_path) == [whole.name]
    assert set(times(tmp_path)) == set(range(100, 120))


def test_tidying_goes_through_all_streams(tmp_path: Path) -> None:
    day = 86_400
    for kind in ("events", "requests"):
        for p in range(2):
            folder = tmp_path / kind / f"p{p}"
            for ms in range(100, 100 + WORTH):
                write(folder, ms + 10 * day * 1000)
            write(folder, 100)
    (tmp_path / "events.log").write_text("")
    tidy(tmp_path, days=5, now=12.0 * day)
    left = [path.name for path in tmp_path.rglob("*.parquet")]
    assert len(left) == 4
    assert {name.partition("-")[0] for name in left} == {str(10 * day * 1000 + 100)}
