"""Every way to ask for a list, and what a list promises."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import polars as pl
import pytest

from models.data.dataset import Dataset
from recstack import AsyncClient, Event
from services.chassis.channel import open_channel
from services.domain.ids import item_key
from services.domain.user_state import ContextQuery
from services.feature_store.client import context_client
from services.feature_store.layout import RECENT_LIMIT
from tests.e2e.stack import ROOT, RunningStack

RECOMMEND = "recsys.gateway.v1.RecommendationService/Recommend"


def by_command(stack: RunningStack, user: str) -> Any:
    return stack.answer("recommend", "--user", user)


def by_call(stack: RunningStack, user: str) -> Any:
    request = json.dumps({"user_id": user})
    done = stack.recstack("call", "-plaintext", "-d", request, stack.grpc, RECOMMEND)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_http(stack: RunningStack, user: str) -> Any:
    return httpx.get(f"{stack.http}/v1/users/{user}/recommendations").raise_for_status().json()


def by_client(stack: RunningStack, user: str) -> Any:
    with stack.client() as client:
        items = client.recommend(user).items
    return {"items": [{"item_id": i.item_id, "title": i.title, "score": i.score,
                       "channels": i.channels} for i in items]}  # fmt: skip


@pytest.fixture(scope="module")
def histories() -> pl.DataFrame:
    return Dataset.open(ROOT / "var/data/ml-100k").tables().interactions


@pytest.mark.parametrize("ask", [by_command, by_call, by_http, by_client])
def test_every_way_gives_20_distinct_titled_unseen_items_with_scores_and_channels(
    stack: RunningStack, histories: pl.DataFrame, ask: Any
) -> None:
    items = ask(stack, "196")["items"]
    ids = [item.get("item_id") or item["itemId"] for item in items]
    assert len(ids) == len(set(ids)) == 20
    assert not set(ids) & set(histories.filter(user_id="196")["item_id"])
    assert all(item["title"] and item["channels"] and item["score"] for item in items)


def test_what_was_shown_is_not_shown_in_the_next_20_requests(stack: RunningStack) -> None:
    with stack.client() as client:
        shown = [item.item_id for _ in range(21) for item in client.recommend("200").items]
    assert len(shown) == len(set(shown)) == 21 * 20


async def test_users_side_by_side_are_each_shown_nothing_twice(stack: RunningStack) -> None:
    """Twice as many items as the exact list of shown items holds: the Bloom filter has the rest."""
    rounds = 21
    assert rounds * 20 > 2 * RECENT_LIMIT

    async def shown(client: AsyncClient, user: int) -> list[str]:
        lists = [await client.recommend(str(user)) for _ in range(rounds)]
        assert not any(answer.degraded for answer in lists)
        return [item.item_id for answer in lists for item in answer.items]

    async with AsyncClient(stack.grpc, timeout=5.0) as client:
        per_user = await asyncio.gather(*(shown(client, user) for user in range(300, 308)))
    assert all(len(ids) == len(set(ids)) == rounds * 20 for ids in per_user)


async def test_an_acknowledged_click_is_in_the_history_of_the_next_request(
    stack: RunningStack,
) -> None:
    stages = f"127.0.0.1:{50051 + stack.workspace.port_offset}"
    async with AsyncClient(stack.grpc) as client, open_channel(stages) as channel:
        for item in (await client.recommend("400", k=5)).items:
            recorded = await client.record_events([Event("400", item.item_id, "click")])
            assert recorded.accepted == 1
            (context,) = await context_client(channel).call([ContextQuery("400", 1.0)], 1.0)
            assert context.value is not None
            assert context.value.history.keys[0] == item_key(item.item_id)


def test_an_event_sent_twice_counts_once(stack: RunningStack) -> None:
    event = Event("401", "50", "like", event_id=uuid4().hex)
    with stack.client() as client:
        assert (client.record_events([event]).accepted) == 1
        again = client.record_events([event])
    assert (again.accepted, again.duplicates) == (0, 1)


def test_an_unknown_user_gets_a_list_that_says_so(stack: RunningStack) -> None:
    answer = stack.answer("recommend", "--user", f"nobody-{uuid4().hex}")
    assert answer["cold_start"] is True
    assert len(answer["items"]) == 20
    assert answer["degraded"] == []


def test_explain_says_where_an_item_was_lost(stack: RunningStack, histories: pl.DataFrame) -> None:
    seen = histories.filter(user_id="196")["item_id"][0]
    item = stack.answer("explain", "--user", "196", "--item", seen)["item"]
    assert item["lost_at"] == "recall"
    assert "seen" in item["reason"]
    first = stack.answer("explain", "--user", "196", "--item", "x")["response"]["items"][0]
    there = stack.answer("explain", "--user", "196", "--item", first["item_id"])["item"]
    assert (there["lost_at"], there["position"]) == ("", 1)


def test_similar_items_do_not_have_the_item_itself(stack: RunningStack) -> None:
    items = stack.answer("similar", "--item", "50")["items"]
    assert len(items) == 20
    assert "50" not in {item["item_id"] for item in items}


def test_top_counts_what_was_asked(stack: RunningStack) -> None:
    by_client(stack, "402")
    report = stack.answer("top")
    assert report["10"]["Recommend"]["requests"] >= 1
    assert report["300"]["rank"]["requests"] >= 1
    table = stack.recstack("top", "--once").stdout
    assert "P99 ms" in table
    assert "rank" in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recommend", "--user", "196", "--k", "0"), "k: "),
        (("recommend", "--user", "196", "--k", "101"), "k: "),
        (("recommend", "--user", ""), "--user"),
        (("recommend", "--user", "x" * 257), "user_id"),
        (("similar", "--item", "no such item"), "item_id"),
        (("event", "--user", "1", "--item", "1", "--type", "wink"), "wink"),
        (("event", "--user", "1", "--item", ""), "item_id"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(
    stack: RunningStack, arguments: tuple[str, ...], said: str
) -> None:
    done = stack.recstack(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_call_lists_services_and_says_what_is_wrong(stack: RunningStack) -> None:
    assert RECOMMEND.partition("/")[0] in stack.recstack("call", stack.grpc, "list").stdout
    method = RECOMMEND.replace("Recommend", "Reccomend", 2)
    for target, said in ((method, "no service"), (f"{RECOMMEND}x", "has no method")):
        done = stack.recstack("call", stack.grpc, target)
        assert done.returncode == 2
        assert said in done.stderr
    done = stack.recstack("call", "-d", '{"user": 1}', stack.grpc, RECOMMEND)
    assert (done.returncode, "RecommendRequest" in done.stderr) == (2, True)
