"""Event entries: what is read is what was written, and stands where the append script looks."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import StartupError
from services.domain.events import Event, EventType
from services.journal.event import EVENTS, EventEntry, decode_event, encode_event, event_hash
from services.journal.pseudonym import pseudonym, read_key
from services.journal.streams import PARTITIONS, partition

KEY = bytes(range(32))
USER = pseudonym("ann", KEY)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
events = st.builds(
    Event,
    texts,
    st.integers(0, 2**64 - 1),
    st.sampled_from(EventType),
    st.integers(1, 2**32 - 1),
    st.floats(width=32, allow_nan=False),
    texts,
    texts,
)


@given(events)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode_event(encode_event(event, USER)) == EventEntry(
        event_hash(event.event_id),
        event.key,
        event.time,
        event.type,
        event.value,
        USER,
        event.item_id,
        event.request_id,
    )


def test_the_append_script_finds_hash_and_history_entry() -> None:
    payload = encode_event(Event("e1", 7, EventType.LIKE, 9, 0.5, "i7"), USER)
    assert payload[1:9] == event_hash("e1")
    assert payload[9:26] == struct.pack("<QIBf", 7, 9, EventType.LIKE, 0.5)


@pytest.mark.parametrize("payload", [b"", b"\1", b"\2" + bytes(60), bytes(44)])
def test_what_is_no_entry_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="event entry"):
        decode_event(payload)


def test_rows_have_the_columns_of_the_kind() -> None:
    entry = decode_event(encode_event(Event("e1", 7, EventType.LIKE, 9, 0.5, "i7", "r"), USER))
    for entries in ([], [entry, entry]):
        rows = EVENTS.rows(entries)
        assert rows.keys() == EVENTS.columns.keys()
        assert {len(column) for column in rows.values()} == {len(entries)}


def test_a_pseudonym_needs_the_key() -> None:
    assert len(USER) == 16
    assert pseudonym("ann", KEY) == USER
    assert pseudonym("ann", KEY[::-1]) != USER
    assert pseudonym("bob", KEY) != USER


def test_every_partition_gets_users() -> None:
    found = {partition(pseudonym(f"u{i}", KEY)) for i in range(100)}
    assert found == set(range(PARTITIONS))


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    assert read_key(tmp_path / "key") == KEY


@pytest.mark.parametrize("text", ["", "00" * 31, "secret", "zz" * 32, "ü" * 64])
def test_a_wrong_key_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(StartupError) as refused:
        read_key(tmp_path / "key")
    assert not text or text not in str(refused.value)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="nowhere"):
        read_key(tmp_path / "nowhere")
