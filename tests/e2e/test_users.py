"""State of users: both guarantees without the events service, and nothing left after an erase."""

import os
import signal
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
import redis

from services.domain.ids import item_key
from tests.e2e.stack import RunningStack, wait_until


def raw_redis(stack: RunningStack) -> "redis.Redis":
    return redis.Redis.from_url(stack.redis)


def everything(client: "redis.Redis") -> Iterator[tuple[bytes, bytes]]:
    """Every key, with its value as Redis serialises it and as it is read."""
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        if kind == b"hash":
            yield key, b"\0".join(part for pair in client.hgetall(key).items() for part in pair)
        elif kind == b"stream":
            entries = client.xrange(key)
            yield key, b"\0".join(v for _, e in entries for pair in e.items() for v in pair)
        elif kind == b"string":
            yield key, client.get(key) or b""
        else:
            yield key, client.dump(key) or b""


@pytest.fixture
def without_events(stack: RunningStack) -> Iterator[RunningStack]:
    pid = stack.pids()["events"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield stack
    finally:
        os.kill(pid, signal.SIGCONT)


def test_both_guarantees_hold_without_the_events_service(without_events: RunningStack) -> None:
    stack, user = without_events, f"user-{uuid4().hex}"
    shown: list[str] = []
    with stack.client() as client, httpx.Client(base_url=stack.http) as http:
        for _ in range(20):
            items = [item.item_id for item in client.recommend(user).items]
            assert len(items) == 20
            assert not set(items) & set(shown)
            shown += items
            event = {"event_id": uuid4().hex, "user_id": user, "item_id": items[3],
                     "type": "EVENT_TYPE_CLICK"}  # fmt: skip
            recorded = http.post("/v1/events", json={"events": [event]}).json()
            assert recorded["accepted"] == 1
            state = http.get(f"/v1/users/{user}").json()
            assert state["events"][0]["item"]["item_id"] == items[3]


def test_an_erased_user_leaves_no_key_behind(stack: RunningStack) -> None:
    user = f"user-{uuid4().hex}"
    with httpx.Client(base_url=stack.http) as http:
        profile = {"age": "33", "occupation": "writer"}
        body = {"profile": profile, "preferences": ["Western"]}
        assert http.put(f"/v1/users/{user}", json=body).is_success
        items = http.get(f"/v1/users/{user}/recommendations").json()["items"]
        event = {"event_id": uuid4().hex, "user_id": user, "item_id": items[0]["item_id"],
                 "type": "EVENT_TYPE_LIKE"}  # fmt: skip
        assert http.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1

        exported = http.get(f"/v1/users/{user}").json()
        assert exported["user"]["profile"] == profile
        assert exported["user"]["preferences"] == ["Western"]
        (only,) = exported["events"]
        assert only["item"]["item_id"] == items[0]["item_id"]
        assert int(only["item"]["key"]) == item_key(items[0]["item_id"])
        assert {shown["item_id"] for shown in exported["shown"]} == {i["item_id"] for i in items}

        with raw_redis(stack) as client:
            before = [key for key, value in everything(client) if user.encode() in key + value]
            assert before == [f"{{u:{user}}}".encode()], "the user's name is in its own key alone"
            assert http.delete(f"/v1/users/{user}").is_success
            assert not [key for key, value in everything(client) if user.encode() in key + value]
        assert http.get(f"/v1/users/{user}/recommendations").json()["cold_start"] is True
        again = http.delete(f"/v1/users/nobody-{uuid4().hex}").json()
        assert (again["error"]["status"], again["error"]["field"]) == ("NOT_FOUND", "user_id")


def test_events_become_statistics_and_what_is_trending(stack: RunningStack) -> None:
    """An item that many click now reaches people who never saw it, by the trending channel."""
    with httpx.Client(base_url=stack.http, timeout=10) as http:
        (least,) = http.get(
            f"/v1/users/{uuid4().hex}/recommendations",
            params={"category": "Documentary", "k": 1},
        ).json()["items"]
        item, now = least["item_id"], int(time.time())
        events = [
            {"event_id": uuid4().hex, "user_id": f"crowd-{n}", "item_id": item,
             "type": "EVENT_TYPE_CLICK", "time": now} for n in range(300)
        ]  # fmt: skip
        assert http.post("/v1/events", json={"events": events}).json()["accepted"] == 300

        def trending() -> bool:
            user = f"user-{uuid4().hex}"
            answer = http.get(f"/v1/users/{user}/explain", params={"item": item}).json()
            recalled = [s for s in answer["item"]["stages"] if s["stage"] == "recall"]
            return any("trending" in note for stage in recalled for note in stage["notes"])

        wait_until(trending, "the item is recalled by the trending channel")
