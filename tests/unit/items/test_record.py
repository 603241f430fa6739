"""Records are read as they were written, and say whether their item may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.items.record import HEADER, ItemRecord, RecordError, decode, encode, shown_until

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
times = st.integers(0, 2**40)
records = st.builds(
    ItemRecord,
    names,
    names,
    st.lists(names, max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
    st.dictionaries(names, names, max_size=3),
    names,
    times,
    times,
    st.integers(1, 2**40),
    st.booleans(),
    st.booleans(),
)


@given(records)
def test_a_record_is_read_as_it_was_written(record: ItemRecord) -> None:
    assert decode(encode(record)) == record


def test_an_item_nobody_put_is_its_id_and_its_state() -> None:
    record = ItemRecord("é", hidden=True)
    data = encode(record)
    assert decode(data) == record
    assert len(data) == HEADER.size + 2


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (ItemRecord("a"), True),
        (ItemRecord("a", expires_at=101), True),
        (ItemRecord("a", expires_at=100), False),
        (ItemRecord("a", hidden=True), False),
        (ItemRecord("a", deleted=True), False),
    ],
)
def test_what_is_hidden_deleted_or_expired_is_not_shown(record: ItemRecord, shown: bool) -> None:
    assert record.shown(100) is shown
    until = shown_until(encode(record))
    assert (until is None or until > 100) is shown


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x01", b"\x02" + bytes(40)),
        *(b"\x01" + bytes(27) + given for given in (b"{", b"[]", b'{"tags": 5}', b"\xff")),
    ],
)
def test_bytes_that_are_no_record_are_refused_and_their_item_is_out(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(data)
    if not data.startswith(b"\x01" + bytes(27)):
        assert shown_until(data) == 0
