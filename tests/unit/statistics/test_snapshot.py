"""The published snapshot: what is read is what was written."""

import numpy as np
import pytest

from services.domain.live import STATISTICS
from services.statistics.snapshot import Snapshot, decode_snapshot, encode_snapshot

SNAPSHOT = Snapshot(
    time=1_700_000_000,
    keys=np.array([3, 7, 2**63 + 1], np.uint64),
    values=np.arange(3 * len(STATISTICS), dtype=np.float32).reshape(3, -1),
    trending_keys=np.array([7, 3], np.uint64),
    trending_scores=np.array([2.5, 0.5], np.float32),
)


def test_a_snapshot_is_read_as_it_was_written() -> None:
    read = decode_snapshot(encode_snapshot(SNAPSHOT))
    assert read.time == SNAPSHOT.time
    for name in ("keys", "values", "trending_keys", "trending_scores"):
        np.testing.assert_array_equal(getattr(read, name), getattr(SNAPSHOT, name), name)


def test_an_empty_snapshot() -> None:
    read = decode_snapshot(encode_snapshot(Snapshot(5)))
    assert (read.time, len(read.keys), len(read.trending_keys)) == (5, 0, 0)
    assert read.values.shape == (0, len(STATISTICS))


@pytest.mark.parametrize("value", [b"", b"STAT", encode_snapshot(SNAPSHOT)[:-9], b"x" * 64])
def test_what_is_no_snapshot_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        decode_snapshot(value)


def test_a_snapshot_of_another_version_is_refused() -> None:
    value = bytearray(encode_snapshot(SNAPSHOT))
    value[4] += 1
    with pytest.raises(ValueError, match="version"):
        decode_snapshot(bytes(value))
