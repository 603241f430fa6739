"""Items come and go while the stack serves: new ones are shown, hidden ones never again."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.stack import RunningStack, wait_until

SHOWN_WITHIN = 5.0
ASKED = 10  # each on a connection of its own
STAGES = ("feature_store", "recall", "prerank", "rank", "rerank", "redis")
REQUESTS = 5  # after a stage is frozen; more than the breaker needs to open


class Api:
    """The JSON API; each call on a connection of its own, so that all workers are met."""

    def __init__(self, stack: RunningStack) -> None:
        self._url = stack.http

    def call(self, method: str, path: str, **options: Any) -> Any:
        response = httpx.request(method, f"{self._url}/v1/{path}", timeout=10, **options)
        assert response.is_success, response.text
        return response.json()

    def put(self, item: str, **fields: Any) -> None:
        self.call("PUT", f"items/{item}", json=fields)

    def listed(self, user: str, k: int = 20) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.call(
            "GET", f"users/{user}/recommendations", params={"k": k}
        )["items"]
        return items

    def ids(self, user: str, k: int = 20) -> list[str]:
        return [item["item_id"] for item in self.listed(user, k)]

    def explained(self, user: str, k: int = 20, **options: Any) -> Any:
        return self.call("GET", f"users/{user}/explain", params={"k": k, **options})


def shown_again(api: Api, item: str) -> None:
    """Recall hears of it within a second."""
    wait_until(lambda: item in api.ids(newcomer()), f"{item} is shown again", SHOWN_WITHIN)


def newcomer() -> str:
    return f"newcomer-{uuid4().hex}"


@contextmanager
def frozen(stack: RunningStack, victim: str) -> Iterator[None]:
    pid = stack.pids()[victim]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(params=["stack", "workers"])
def running(request: pytest.FixtureRequest) -> RunningStack:
    found: RunningStack = request.getfixturevalue(request.param)
    return found


def test_a_new_item_is_shown_to_a_fitting_user(running: RunningStack) -> None:
    """Fitting: a user who has just clicked films of the same categories."""
    api, user, item = Api(running), newcomer(), f"new-{uuid4().hex}"
    liked = api.call(
        "GET", f"users/{newcomer()}/recommendations", params={"category": "Western", "k": 5}
    )
    events = [
        {"event_id": uuid4().hex, "user_id": user, "item_id": i["item_id"],
         "type": "EVENT_TYPE_LIKE"} for i in liked["items"]
    ]  # fmt: skip
    assert api.call("POST", "events", json={"events": events})["accepted"] == len(events) > 0
    start = time.monotonic()
    api.put(item, title="Once Upon a Time Again (1998)", categories=["Western"],
            attributes={"year": "1998"})  # fmt: skip
    in_a_row = 0
    while in_a_row < ASKED:  # of every worker
        there = item in {i["item_id"] for i in api.explained(user)["response"]["items"]}
        in_a_row = in_a_row + 1 if there else 0
        assert time.monotonic() - start < SHOWN_WITHIN, api.explained(user, item=item)["item"]
    found = next(i for i in api.listed(user) if i["item_id"] == item)
    assert found["title"] == "Once Upon a Time Again (1998)"
    assert found["categories"] == ["Western"]
    assert "new" in found["channels"]
    assert item not in api.ids(user), "it was shown, so that it is seen"
    clicked = {
        "event_id": uuid4().hex,
        "user_id": user,
        "item_id": item,
        "type": "EVENT_TYPE_CLICK",
    }
    assert api.call("POST", "events", json={"events": [clicked]})["accepted"] == 1
    api.call("DELETE", f"items/{item}")


def test_a_hidden_item_is_shown_to_no_one_from_the_next_request_on(running: RunningStack) -> None:
    api = Api(running)
    for _ in range(3):
        hidden, control = api.ids(newcomer(), 2)
        api.call("POST", f"items/{hidden}/hide")
        lists = [api.ids(newcomer()) for _ in range(8)]
        assert not any(hidden in ids for ids in lists)
        assert all(control in ids and len(ids) == 20 for ids in lists)
        similar = api.call("GET", f"items/{control}/similar", params={"k": 100})["items"]
        assert hidden not in {item["item_id"] for item in similar}
        api.call("POST", f"items/{hidden}/show")
        shown_again(api, hidden)


def test_a_deleted_new_item_is_gone_at_once(stack: RunningStack) -> None:
    api, item, user = Api(stack), f"brief-{uuid4().hex}", newcomer()
    api.put(item, title="Brief", categories=["Comedy"])
    deadline = time.monotonic() + SHOWN_WITHIN
    while item not in {i["item_id"] for i in api.explained(user)["response"]["items"]}:
        assert time.monotonic() < deadline
    api.call("DELETE", f"items/{item}")
    assert item not in api.ids(user)
    assert httpx.get(f"{stack.http}/v1/items/{item}").json()["state"] == "ITEM_STATE_DELETED"


def test_an_expired_item_is_gone(stack: RunningStack) -> None:
    api = Api(stack)
    (item,) = api.ids(newcomer(), 1)
    api.call("PUT", f"items/{item}/expiry", json={"expires_at": int(time.time()) - 1})
    assert item not in api.ids(newcomer())
    api.call("PUT", f"items/{item}/expiry", json={"expires_at": 0})
    shown_again(api, item)


@pytest.mark.parametrize("victim", STAGES)
def test_a_hidden_item_is_in_no_fallback(stack: RunningStack, victim: str) -> None:
    api = Api(stack)
    hidden, control = api.ids(newcomer(), 2)
    api.call("POST", f"items/{hidden}/hide")
    with frozen(stack, victim):
        lists = [api.ids(newcomer()) for _ in range(REQUESTS)]
    wait_until(lambda: not api.explained(newcomer())["response"]["degraded"], "all is whole")
    api.call("POST", f"items/{hidden}/show")
    shown_again(api, hidden)
    assert not any(hidden in ids for ids in lists)
    assert any(control in ids for ids in lists)
    assert all(len(ids) == 20 for ids in lists)


def test_categories_are_the_only_ones_in_the_list(stack: RunningStack) -> None:
    api = Api(stack)
    for category in ("Film-Noir", "Documentary"):
        items = api.call(
            "GET", f"users/{newcomer()}/recommendations", params={"category": category}
        )["items"]
        assert len(items) == 20
        assert all(category in item["categories"] for item in items)


def test_tags_of_new_items_filter(stack: RunningStack) -> None:
    api, tag = Api(stack), f"tag-{uuid4().hex[:8]}"
    items = {f"tagged-{i}-{tag}" for i in range(3)}
    for item in items:
        api.put(item, title=item, categories=["Drama"], tags=[tag, "x"])
    deadline = time.monotonic() + SHOWN_WITHIN
    user, found = newcomer(), set[str]()
    while found != items:
        assert time.monotonic() < deadline, found
        answer = api.explained(user, tag=tag)["response"]
        found = {item["item_id"] for item in answer["items"]}
    answer = api.call("GET", f"users/{user}/recommendations", params={"tag": [tag, "no such tag"]})
    assert answer["items"] == []
    assert answer["degraded"] == []
    for item in items:
        api.call("DELETE", f"items/{item}")


def test_pages_never_repeat_an_item(stack: RunningStack) -> None:
    api, user, token, seen = Api(stack), newcomer(), "", list[str]()
    for _ in range(5):
        params = {"k": 10} | ({"page_token": token} if token else {})
        page = api.call("GET", f"users/{user}/recommendations", params=params)
        seen += [item["item_id"] for item in page["items"]]
        token = page["next_page_token"]
        assert token
    assert len(seen) == len(set(seen)) == 50
    forged = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
    for user_id, wrong in ((user, forged), (newcomer(), token), (user, "nonsense")):
        refused = httpx.get(
            f"{stack.http}/v1/users/{user_id}/recommendations", params={"page_token": wrong}
        )
        assert refused.status_code == 400
        assert refused.json()["error"]["field"] == "page_token"


def test_a_user_who_has_seen_everything_is_shown_the_oldest_again(stack: RunningStack) -> None:
    api, user, shown = Api(stack), newcomer(), list[str]()
    params = {"category": "Film-Noir", "k": 20}
    lists = [
        api.call("GET", f"users/{user}/recommendations", params=params)["items"] for _ in range(4)
    ]
    for items in lists:
        assert len(items) == 20
        for item in items:
            assert item["repeated"] == (item["item_id"] in shown)
        shown += [item["item_id"] for item in items]
    assert len(set(shown)) == 24, "ML-100K has 24 films of this category, and all were shown"
