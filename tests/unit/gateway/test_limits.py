"""Limits of requests: what is refused names its field."""

import math
from typing import Any

import pytest

from services.chassis.errors import InvalidArgumentError
from services.domain.ids import MAX_ID_BYTES, item_key
from services.gateway.limits import check_events, check_recommend
from services.gateway.requests import EventInput, RecommendInput

NOW = 1_800_000_000

BAD: list[tuple[dict[str, Any], str]] = [
    ({"user_id": ""}, "user_id"),
    ({"user_id": "u" * 257}, "user_id"),
    ({"user_id": "é" * 129}, "user_id"),
    ({"user_id": "u", "session_id": "s"}, "session_id"),
    ({"user_id": "", "session_id": "s" * 241}, "session_id"),
    ({"user_id": "session:s"}, "user_id"),
    ({"k": 0}, "k"),
    ({"k": -1}, "k"),
    ({"k": 101}, "k"),
    ({"tags": ["t"] * 33}, "filter.tags"),
    ({"tags": ["t", ""]}, "filter.tags[1]"),
    ({"tags": ["t" * 257]}, "filter.tags[0]"),
    ({"placement": "p" * 65}, "placement"),
    ({"context": {str(i): "x" for i in range(33)}}, "context"),
    ({"context": {"": "x"}}, "context"),
    ({"context": {"n" * 65: "x"}}, "context"),
    ({"context": {"device": "x" * 65}}, "context[device]"),
    ({"categories": ["c"] * 33}, "filter.categories"),
    ({"categories": ["c", ""]}, "filter.categories[1]"),
    ({"exclude_item_ids": ["i"] * 1001}, "exclude_item_ids"),
    ({"exclude_item_ids": ["i", ""]}, "exclude_item_ids[1]"),
    ({"exclude_item_ids": ["i" * 257]}, "exclude_item_ids[0]"),
]


@pytest.mark.parametrize(("given", "field"), BAD)
def test_a_bad_request_names_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check_recommend(RecommendInput(**{"user_id": "u", **given}), NOW)
    assert error.value.field == field
    assert error.value.message


def test_a_request_at_its_limits() -> None:
    asked = check_recommend(
        RecommendInput(
            user_id="é" * 128,
            k=100,
            placement="p" * 64,
            context={f"{i:064}": "x" * 64 for i in range(32)},
            categories=["c"] * 32,
            tags=["t"] * 32,
            exclude_item_ids=["i" * 256] * 1000,
        ),
        NOW,
    )
    assert asked.k == 100
    assert asked.request.now == NOW
    assert asked.request.exclude[999] == item_key("i" * 256)


def test_what_is_not_given() -> None:
    asked = check_recommend(RecommendInput(session_id="s"), NOW)
    assert (asked.user_id, asked.k) == ("session:s", 20)


def test_the_key_of_the_longest_session_is_an_id() -> None:
    asked = check_recommend(RecommendInput(session_id="é" * 120), NOW)
    assert len(asked.user_id.encode()) <= MAX_ID_BYTES


GOOD_EVENT: dict[str, Any] = {"event_id": "e", "user_id": "u", "item_id": "i", "type": 2}
BAD_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"event_id": ""}, "event_id"),
    ({"event_id": "e" * 129}, "event_id"),
    ({"user_id": ""}, "user_id"),
    ({"user_id": "u" * 257}, "user_id"),
    ({"user_id": "session:u"}, "user_id"),
    ({"session_id": "s"}, "session_id"),
    ({"user_id": "", "session_id": "s" * 241}, "session_id"),
    ({"item_id": ""}, "item_id"),
    ({"item_id": "i" * 257}, "item_id"),
    ({"type": 0}, "type"),
    ({"type": 99}, "type"),
    ({"time": -1}, "time"),
    ({"time": NOW + 86_401}, "time"),
    ({"time": NOW * 1000}, "time"),
    ({"time": NOW - 5 * 365 * 86_400 - 1}, "time"),
    ({"time": 1}, "time"),
    ({"value": math.nan}, "value"),
    ({"value": math.inf}, "value"),
    ({"value": 1e39}, "value"),
    ({"request_id": "r" * 129}, "request_id"),
]


@pytest.mark.parametrize(("given", "field"), BAD_EVENTS)
def test_a_bad_event_fails_alone(given: dict[str, Any], field: str) -> None:
    events = [EventInput(**GOOD_EVENT), EventInput(**{**GOOD_EVENT, **given})]
    users, faults = check_events(events, NOW)
    assert [(fault.index, fault.field) for fault in faults] == [(1, field)]
    assert [len(user.events) for user in users] == [1]
    assert not faults[0].retryable


def test_events_are_grouped_by_user_in_their_order() -> None:
    given = [
        EventInput(f"e{i}", user, f"i{i}", 2, i and NOW - i, i / 2)
        for i, user in enumerate("abacab")
    ]
    users, faults = check_events(given, NOW)
    assert not faults
    assert [(user.user_id, user.indices) for user in users] == [
        ("a", (0, 2, 4)),
        ("b", (1, 5)),
        ("c", (3,)),
    ]
    first, second, _ = users[0].events
    assert first.time == NOW  # 0: now
    assert (second.time, second.value, second.key) == (NOW - 2, 1.0, item_key("i2"))


def test_events_of_a_session_are_not_those_of_the_user_of_that_name() -> None:
    mine = EventInput("e", "", "i", 2, session_id="196")
    users, faults = check_events([mine, EventInput("e", "196", "i", 2)], NOW)
    assert not faults
    assert [user.user_id for user in users] == ["session:196", "196"]


@pytest.mark.parametrize("count", [0, 1001])
def test_too_few_or_too_many_events(count: int) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check_events([EventInput(**GOOD_EVENT)] * count, NOW)
    assert error.value.field == "events"
