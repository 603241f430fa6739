"""The counters of a partition as a sink: what is stored, and what is forgotten."""

import pytest
import redis.asyncio

from services.domain.events import EventType
from services.events import counter_sink
from services.events.counter_sink import CounterSink
from services.events.counters import Counters
from services.events.entries import Entry
from services.events.entry_id import START, EntryId
from services.journal.event import EventEntry

NOW = 1_700_000_000
HOUR, DAY = 3600, 86_400


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink(clock: Clock) -> CounterSink:
    opened = CounterSink(redis.asyncio.Redis(), "events:0:items", 30 * DAY, clock)
    opened.counters = Counters()
    return opened


def field(key: int) -> bytes:
    return key.to_bytes(8, "little")


async def stored(sink: CounterSink, *events: tuple[int, float]) -> dict[bytes, bool]:
    """Puts events of an item at a time; the fields that change, and whether they stay."""
    entries = [
        Entry(EntryId(1, i), EventEntry(bytes(8), key, int(at), EventType.CLICK, 0, bytes(16)), 1)
        for i, (key, at) in enumerate(events)
    ]
    effects = await sink.put(entries, START)
    assert effects is not None
    return {name: bool(record) for name, record in effects.records.items()}


async def test_what_was_counted_is_stored(sink: CounterSink) -> None:
    assert await stored(sink, (1, NOW), (2, NOW), (1, NOW)) == {field(1): True, field(2): True}
    assert await stored(sink) == {}


async def test_items_are_forgotten_while_others_have_events_all_the_time(
    sink: CounterSink, clock: Clock
) -> None:
    await stored(sink, (1, NOW), (2, NOW))
    clock.now += 31 * DAY
    assert await stored(sink, (2, clock.now)) == {field(1): False, field(2): True}
    assert sink.counters is not None
    assert sink.counters.keys.tolist() == [2]
    clock.now += HOUR / 2
    assert await stored(sink, (3, NOW)) == {field(3): True}  # looked at again in half an hour
    clock.now += HOUR / 2
    assert await stored(sink) == {field(3): False}


async def test_very_many_are_forgotten_bit_by_bit(
    sink: CounterSink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter_sink, "_SWEPT", 2)
    await stored(sink, *((key, NOW) for key in range(5)))
    clock.now += 31 * DAY
    assert [len(await stored(sink)) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_clock_that_is_set_back_stops_nothing(sink: CounterSink, clock: Clock) -> None:
    await stored(sink, (1, NOW - 40 * DAY))
    clock.now -= DAY
    assert await stored(sink) == {field(1): False}
