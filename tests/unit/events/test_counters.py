"""Counters of a partition: what is counted, and that records say the same."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.events import EventType
from services.events.counters import Counters
from services.journal.event import EventEntry
from services.statistics.decay import Decayed

NOW = 1_700_000_000

entries = st.lists(
    st.builds(
        EventEntry,
        event_hash=st.just(b"12345678"),
        key=st.sampled_from([0, 5, 2**64 - 1]),
        time=st.integers(NOW - 86_400, NOW),
        type=st.sampled_from(list(map(int, EventType))),
        value=st.just(0.0),
        pseudonym=st.binary(min_size=16, max_size=16),
    ),
    max_size=30,
)


def entry(key: int, kind: EventType, time: int = NOW, user: int = 0) -> EventEntry:
    return EventEntry(b"12345678", key, time, kind, 0.0, user.to_bytes(16, "little"))


def totals(counters: Counters) -> Counter[tuple[int, int]]:
    return Counter(
        {
            (key, kind): count
            for row, key in enumerate(counters.keys.tolist())
            for kind, count in enumerate(counters.totals[row].tolist())
            if count
        }
    )


@given(entries, st.integers(1, 4))
def test_totals_are_exact_however_events_are_batched(log: Sequence[EventEntry], size: int) -> None:
    counters = Counters()
    for start in range(0, len(log), size):
        counters.add(log[start : start + size])
    assert totals(counters) == Counter((e.key, e.type) for e in log)


@given(entries)
def test_records_hold_everything(log: Sequence[EventEntry]) -> None:
    counters, read = Counters(), Counters()
    records = counters.records(counters.add(log))
    read.load(records)
    assert totals(read) == totals(counters)
    assert read.keys.tolist() == counters.keys.tolist()
    np.testing.assert_array_equal(
        read.decayed.at(NOW)[: len(read)], counters.decayed.at(NOW)[: len(counters)]
    )
    assert read.records(read.keys.tolist()) == records


@given(entries)
def test_decayed_counts_are_of_engagements_and_impressions(log: Sequence[EventEntry]) -> None:
    counters = Counters()
    counters.add(log)
    expected = Decayed(len(counters))
    places = {key: row for row, key in enumerate(counters.keys.tolist())}
    for e in log:
        if e.type != EventType.DISMISS:
            row, time = np.array([places[e.key]]), np.array([e.time])
            expected.add(row, e.type != EventType.IMPRESSION, time)
    np.testing.assert_allclose(
        counters.decayed.at(NOW)[: len(counters)], expected.at(NOW), rtol=1e-9, atol=1e-12
    )


def test_add_names_the_items_that_changed() -> None:
    counters = Counters()
    counters.add([entry(1, EventType.CLICK), entry(2, EventType.CLICK)])
    assert counters.add([entry(2, EventType.LIKE), entry(2, EventType.LIKE)]) == [2]
    assert counters.add([]) == []


def test_idle_items_are_those_without_any_event_since() -> None:
    counters = Counters()
    counters.add([entry(1, EventType.CLICK, NOW - 100), entry(2, EventType.CLICK, NOW - 100)])
    counters.add([entry(2, EventType.DISMISS, NOW), entry(3, EventType.DISMISS, NOW - 100)])
    assert sorted(counters.idle(NOW - 50)) == [1, 3]
    kept = counters.without([1, 3])
    assert kept.keys.tolist() == [2]
    assert totals(kept) == {(2, EventType.CLICK): 1, (2, EventType.DISMISS): 1}
    assert kept.records([2]) == counters.records([2])
    kept.add([entry(4, EventType.LIKE), entry(2, EventType.LIKE)])  # rows go on where they end
    assert totals(kept)[4, EventType.LIKE] == totals(kept)[2, EventType.LIKE] == 1


@pytest.mark.parametrize("record", [b"", b"\1short", bytes(200)])
def test_a_record_of_another_version_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError, match="item 7"):
        Counters().load({(7).to_bytes(8, "little"): record})
