"""Files of log entries: their names, their columns, and when they are deleted."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.domain.events import Event, EventType
from services.events import parquet
from services.events.entries import Entry
from services.events.entry_id import START, EntryId
from services.events.parquet_sink import FileLimits, ParquetSink
from services.events.upkeep import delete_old
from services.journal.event import EVENTS, EventEntry, decode_event, encode_event
from services.journal.kind import ENTRY_COLUMNS
from services.journal.request_columns import REQUESTS


def entry(number: int) -> Entry[EventEntry]:
    payload = encode_event(Event(f"e{number}", 2**64 - 1, EventType.LIKE, 9, 0.5), b"u" * 16)
    return Entry(EntryId(1000 + number, number), decode_event(payload), len(payload))


def test_ids_are_ordered_and_written_as_redis_does() -> None:
    first, second = EntryId.parse(b"9-10"), EntryId.parse("10-2")
    assert START < first < first.next < second
    assert str(second) == "10-2"


@pytest.mark.parametrize("kind", [EVENTS, REQUESTS])
def test_a_file_without_rows_has_the_columns_of_its_kind(kind: object) -> None:
    table = parquet.table_of(kind, 1, [])  # type: ignore[arg-type]
    assert table.schema.names == [*ENTRY_COLUMNS, *kind.columns]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("list<float32>", pa.list_(pa.float32())),
        ("map<string, string>", pa.map_(pa.string(), pa.string())),
        ("list<list<uint64>>", pa.list_(pa.list_(pa.uint64()))),
        ("bool", pa.bool_()),
    ],
)
def test_types_of_columns(text: str, kind: pa.DataType) -> None:
    assert parquet.schema_of({"x": text}).field("x").type == kind


def test_a_file_is_not_there_before_it_is_finished(tmp_path: Path) -> None:
    entries = [entry(0), entry(1)]
    path = parquet.path_of(tmp_path / "events" / "p3", entries[0].id, entries[1].id)
    written = parquet.unfinished(path, "me")
    table = parquet.table_of(EVENTS, 3, entries)
    parquet.write_unfinished(written, table.schema, [table])
    assert not list(tmp_path.rglob("*.parquet"))
    parquet.finish(written, path)
    assert [p.name for p in path.parent.iterdir()] == ["1000-0_1001-1.parquet"]
    rows = pq.read_table(path).to_pylist()
    assert [(r["partition"], r["received_ms"], r["sequence"]) for r in rows] == [
        (3, 1000, 0),
        (3, 1001, 1),
    ]
    assert rows[0]["key"] == 2**64 - 1
    assert parquet.range_of(path) == (entries[0].id, entries[1].id)


def test_old_files_are_deleted_and_foreign_ones_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "events" / "p0"
    folder.mkdir(parents=True)
    names = ["1000-0_2000-0.parquet", "2001-0_3000-0.parquet", "mine.parquet", "note.txt"]
    for name in names:
        (folder / name).write_text("")
    assert delete_old(folder, 2.5) == 1
    assert sorted(p.name for p in folder.iterdir()) == sorted(names[1:])


@pytest.mark.parametrize(
    ("limits", "full_after"),
    [
        (FileLimits(rows=3, seconds=1e9), 3),
        (FileLimits(size=1, seconds=1e9), 1),
        (FileLimits(seconds=2.0), 3),
    ],
)
async def test_a_file_is_finished_at_the_first_limit(
    tmp_path: Path, limits: FileLimits, full_after: int
) -> None:
    times = [0.0]
    sink = ParquetSink(tmp_path, (EVENTS, 0), limits, lambda: times[0])
    await sink.open(START)
    for number in range(1, full_after):
        assert await sink.put([entry(number)], START) is None
        times[0] += 1.0
    effects = await sink.put([entry(full_after)], START)
    assert effects is not None
    assert effects.finish is not None
    effects.finish()
    assert sum(pq.read_metadata(p).num_rows for p in tmp_path.rglob("*.parquet")) == full_after


async def test_a_clock_that_is_set_back_delays_no_file(tmp_path: Path) -> None:
    times = [1e6]
    sink = ParquetSink(tmp_path, (EVENTS, 0), FileLimits(seconds=30.0), lambda: times[0])
    await sink.open(START)
    assert await sink.put([entry(1)], START) is None
    times[0] = 0.0
    assert await sink.put([entry(2)], START) is not None


async def test_who_lost_its_lease_shows_nothing_of_the_file_of_its_successor(
    tmp_path: Path,
) -> None:
    limits = FileLimits(rows=1)
    late, successor = (ParquetSink(tmp_path, (EVENTS, 0), limits, lambda: 0.0) for _ in range(2))
    await late.open(START)
    effects = await late.put([entry(1)], START)
    await successor.open(START)  # while the other sleeps between its check and the new name
    again = await successor.put([entry(1)], START)
    assert effects is not None
    assert effects.finish is not None
    with pytest.raises(FileNotFoundError):
        effects.finish()
    assert not list(tmp_path.rglob("*.parquet"))
    assert again is not None
    assert again.finish is not None
    again.finish()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


async def test_without_entries_there_is_no_file(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, (EVENTS, 0), FileLimits(seconds=0), lambda: 0.0)
    await sink.open(START)
    effects = await sink.put([], START)
    assert effects is not None
    assert effects.finish is None
    assert not list(tmp_path.rglob("*"))
