"""Records: what is written is read, and anything else is refused with the field's name."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.bloom import BloomFilter
from services.domain.context import History
from services.feature_store import records
from services.feature_store.records import Generation, RecordError

u64 = st.integers(0, 2**64 - 1)
event = st.tuples(u64, st.integers(0, 2**32 - 1), st.integers(1, 255), st.floats(width=32))
text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(text, text, max_size=64))
def test_profile(profile: dict[str, str]) -> None:
    assert records.decode_profile(records.encode_profile(profile)) == profile


@given(st.lists(event, max_size=200))
def test_history(events: list[tuple[int, int, int, float]]) -> None:
    columns = list(zip(*events, strict=True)) or [(), (), (), ()]
    dtypes = (np.uint64, np.uint32, np.uint8, np.float32)
    history = History(*(np.array(c, d) for c, d in zip(columns, dtypes, strict=True)))
    record = records.encode_history(history)
    assert len(record) == 1 + 17 * len(events)
    decoded = records.decode_history(record)
    for name, dtype in zip(("keys", "times", "events", "values"), dtypes, strict=True):
        read, written = getattr(decoded, name), getattr(history, name)
        assert read.dtype == dtype
        assert read.flags.c_contiguous
        assert read.tobytes() == written.tobytes(), name


@given(st.lists(u64, max_size=200))
def test_recent(keys: list[int]) -> None:
    decoded = records.decode_recent(b"\x01" + np.array(keys, "<u8").tobytes())
    assert decoded.tolist() == keys


@given(
    st.lists(u64, max_size=300),
    st.sampled_from([64, 1024, 16384]),
    st.integers(1, 32),
    st.integers(0, 2**32 - 1),
)
def test_generation(keys: list[int], bits: int, hashes: int, number: int) -> None:
    bloom = BloomFilter.empty(bits, hashes).added(np.array(keys, np.uint64))
    set_bits = int(np.unpackbits(bloom.data).sum())
    record = records.encode_generation(Generation(bloom, set_bits, number))
    decoded = records.decode_generation("bloom.0", record)
    assert (decoded.filter.data == bloom.data).all()
    assert (decoded.filter.hashes, decoded.number) == (hashes, number)
    assert decoded.error() == pytest.approx(bloom.false_positive_rate(), abs=1e-7)
    assert (decoded.filter.count > 0) == bool(keys)
    assert decoded.filter.contains(np.array(keys, np.uint64)).all()


@pytest.mark.parametrize("count", [1, 10, 200, 1135])
def test_the_count_of_a_generation_is_near_the_number_of_keys(count: int) -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, count, np.uint64)
    bloom = BloomFilter.empty(16384, 10).added(keys)
    set_bits = int(np.unpackbits(bloom.data).sum())
    record = records.encode_generation(Generation(bloom, set_bits, 1))
    assert records.decode_generation("b", record).filter.count == pytest.approx(count, rel=0.03)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(record: bytes) -> None:
    decoders: dict[str, Callable[[bytes], object]] = {
        "profile": records.decode_profile,
        "history": records.decode_history,
        "recent": records.decode_recent,
        "bloom.1": lambda r: records.decode_generation("bloom.1", r),
    }
    for field, decode in decoders.items():
        try:
            decode(record)
        except RecordError as error:
            assert error.field == field  # noqa: PT017 - reading it is as good


@pytest.mark.parametrize(
    "profile", [b"\x01", b"\x01[]", b'\x01{"a":1}', b"\x01\xff", b'\x02{"a":"b"}', b""]
)
def test_a_wrong_profile(profile: bytes) -> None:
    with pytest.raises(RecordError, match="field profile"):
        records.decode_profile(profile)


@pytest.mark.parametrize(("at", "value"), [(0, 2), (1, 0), (2, 9), (5, 9), (2, 255)])
def test_a_wrong_generation(at: int, value: int) -> None:
    """Version, hashes, size, more bits set than there are."""
    record = bytearray(records.encode_generation(Generation(BloomFilter.empty(64, 3), 0, 1)))
    record[at] = value
    with pytest.raises(RecordError, match=r"field bloom\.0"):
        records.decode_generation("bloom.0", bytes(record))
