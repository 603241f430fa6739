"""Builds logged histories again, from the base data and the logged events."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from models.data.dataset import Tables
from models.data.served import LoggedRequest
from models.skew.check import Check, Difference
from services.domain.context import History
from services.domain.events import EventType
from services.domain.ids import item_keys

LENGTH = 200  # events the feature store keeps
CLOCKS_MS = 2_000  # by which the clocks of gateway and Redis may differ

Event: TypeAlias = tuple[int, int, int, float]
"""Item key, unix seconds, EventType number, value."""


def check_histories(requests: Iterable[LoggedRequest], base: Tables, events: pl.DataFrame) -> Check:
    """Compares the history of each request with the one that base data and logged events give.

    The history was read between the request's time and its entry in the log: where events came
    meanwhile, it must be as it was before, between or after them. Requests that the feature store
    did not answer are skipped.

    Args:
        base: the data whose users were loaded, with pseudonyms.
        events: as ServedLog.events gives.
    """
    histories = _Histories(base, events)
    compared, skipped = 0, Counter[str]()
    differences = []
    for request in requests:
        entry = request.entry
        if "feature_store" in entry.degraded:
            skipped["without the feature store"] += 1
            continue
        compared += 1
        if what := _difference(entry.asked.history, histories.possible(request)):
            differences.append(Difference(entry.request_id, entry.asked.time, what))
    return Check("histories", compared, dict(skipped), differences)


class _Histories:
    """Events by user: those of the base, newest first, and the logged ones as they came."""

    def __init__(self, base: Tables, events: pl.DataFrame) -> None:
        self._base = _by_user(
            base.interactions.select(
                pl.col("user_id").alias("user"),
                pl.Series("key", item_keys(base.interactions["item_id"])),
                pl.col("time").clip(0),
                pl.col("event").alias("type"),
                "value",
            )
        )
        kept = events.filter(pl.col("type") != int(EventType.IMPRESSION))
        self._logged = _by_user(kept)
        self._received = {
            str(user): times for user, times in kept.group_by("user").agg("received_ms").rows()
        }

    def possible(self, request: LoggedRequest) -> list[list[Event]]:
        """The histories that the request may have seen, newest first."""
        user = request.entry.asked.user.hex()
        events, received = self._logged.get(user, []), self._received.get(user, [])
        before = bisect_left(received, request.entry.asked.time * 1000 - CLOCKS_MS)
        until = bisect_left(received, request.received_ms + CLOCKS_MS)
        history = self._base.get(user, [])[-LENGTH:][::-1]
        for event in events[:before]:
            history = inserted(history, event)
        found = [history]
        for event in events[before:until]:
            found.append(inserted(found[-1], event))
        return found


def _by_user(rows: pl.DataFrame) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for user, *event in rows.select("user", "key", "time", "type", "value").iter_rows():
        found.setdefault(user, []).append(tuple(event))
    return found


def inserted(history: list[Event], event: Event) -> list[Event]:
    """As the feature store does: before all that are as old or older; the oldest falls out."""
    at = next((i for i, other in enumerate(history) if other[1] <= event[1]), len(history))
    return [*history[:at], event, *history[at:]][:LENGTH]


def _difference(served: History, possible: Sequence[list[Event]]) -> str:
    """What is wrong with the served history; empty when it is one of the possible ones."""
    columns = (served.keys, served.times, served.events, served.values.astype(np.float32))
    there: list[Event] = list(zip(*(column.tolist() for column in columns), strict=True))
    if there in possible:
        return ""
    rebuilt = possible[-1]
    if there == rebuilt[: len(there)]:
        lost = len(rebuilt) - len(there)
        return f"its oldest {lost} events are missing: erased, expired or never loaded"
    at = next((i for i, (a, b) in enumerate(zip(there, rebuilt, strict=False)) if a != b), None)
    if at is None:
        return f"it has {len(there)} events, not {len(rebuilt)}"
    return f"event {at} of {len(there)} is {there[at]}, not {rebuilt[at]}"
