"""Bad input over gRPC and HTTP against the whole stack: said clearly, and the good part is kept."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client import REGISTRY
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.channel import open_channel
from tests.integration.whole import Whole, whole_stack
from tests.redis import RedisServer, own_redis
from tests.releases import release

__all__ = ["own_redis", "release"]

DAY = 86_400
YEAR = 365 * DAY
ITEM = "i0001"

# What is wrong with an event, the field the answer names, and a word of its message.
EVENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"item_id": "never put"}, "item_id", "put it first"),
    ({"time": 2 * DAY}, "time", "a day ahead"),
    ({"time": -6 * YEAR}, "time", "5 years ago"),
    ({"type": "EVENT_TYPE_UNSPECIFIED"}, "type", "EVENT_TYPE_CLICK"),
    ({"event_id": ""}, "event_id", "empty"),
    ({"event_id": "e" * 129}, "event_id", "128 bytes"),
    ({"item_id": ""}, "item_id", "empty"),
    ({"user_id": ""}, "user_id", "session_id"),
    ({"user_id": "session:s"}, "user_id", "session:"),
    ({"session_id": "s"}, "session_id", "not both"),
    ({"value": 1e39}, "value", "32-bit"),
]
LARGEST = 3.4e38  # as good as the largest 32-bit float


@dataclass
class Surfaces:
    """Both ways to call one stack."""

    lists: gateway_pb2_grpc.RecommendationServiceStub
    catalog: gateway_pb2_grpc.CatalogServiceStub
    http: httpx.AsyncClient
    channel: grpc.aio.Channel


@pytest.fixture
async def api(
    release: Path, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Surfaces]:
    stack: Whole
    async with (
        whole_stack(release, own_redis, tmp_path, monkeypatch) as stack,
        open_channel(stack.address) as channel,
    ):
        lists = gateway_pb2_grpc.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
        catalog = gateway_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[no-untyped-call]
        yield Surfaces(lists, catalog, stack.http, channel)


def event(user: str, number: int, **changes: Any) -> dict[str, Any]:
    """An event; a changed time is given as seconds from now."""
    if "time" in changes:
        changes["time"] += int(time.time())
    good = {"event_id": f"e{number}", "user_id": user, "item_id": ITEM, "type": "EVENT_TYPE_CLICK"}
    return {**good, **changes}


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return error.value.details() or ""


def counted(call: str, field: str) -> float:
    labels = {"rpc": call, "field": field}
    return REGISTRY.get_sample_value("recstack_gateway_faults_total", labels) or 0.0


async def test_a_batch_with_every_bad_event(api: Surfaces) -> None:
    before = {field: counted("RecordEvents", field) for _, field, _ in EVENTS}
    batch = [event("u", -1), *(event("u", n, **bad) for n, (bad, _, _) in enumerate(EVENTS))]
    batch += [event("u", -1), event("u", -2)]
    over_http = (await api.http.post("/v1/events", json={"events": batch})).json()
    assert (over_http["accepted"], over_http["duplicates"]) == (2, 1)
    events = [pb.UserEvent(**e) for e in batch]
    for sent in events:
        sent.value = min(sent.value, 1e39)  # as a 32-bit float: infinity
    over_grpc = await api.lists.RecordEvents(pb.RecordEventsRequest(events=events))
    assert (over_grpc.accepted, over_grpc.duplicates) == (0, 3)
    for answer in (
        over_http["errors"],
        [{"index": e.index, "field": e.field, "message": e.message} for e in over_grpc.errors],
    ):
        assert [(e["index"], e["field"]) for e in answer] == [
            (n + 1, field) for n, (_, field, _) in enumerate(EVENTS)
        ]
        for error, (_, _, word) in zip(answer, EVENTS, strict=True):
            assert word in error["message"]
    for field, count in before.items():
        twice = 2 * sum(field == other for _, other, _ in EVENTS)
        assert counted("RecordEvents", field) == count + twice
    export = await api.catalog.ExportUser(pb.ExportUserRequest(user_id="u"))
    assert len(export.events) == 2


async def test_names_that_clients_make_up_are_no_labels(api: Surfaces) -> None:
    before = counted("RecordEvents", "unknown")
    batch = [event("u", 1, made_up=1), event("u", 2)]
    answer = (await api.http.post("/v1/events", json={"events": batch})).json()
    assert (answer["accepted"], answer["errors"][0]["field"]) == (1, "made_up")
    assert counted("RecordEvents", "unknown") == before + 1


async def test_the_largest_value(api: Surfaces) -> None:
    batch = [event("u", 1, value=LARGEST), event("u", 2, value=-LARGEST)]
    answer = (await api.http.post("/v1/events", json={"events": batch})).json()
    assert answer == {"accepted": 2, "duplicates": 0, "errors": []}


async def test_ten_thousand_events_in_a_call(api: Surfaces) -> None:
    many = [event("u", n) for n in range(10_000)]
    request = pb.RecordEventsRequest(events=[pb.UserEvent(**e) for e in many])
    details = await refused(api.lists.RecordEvents(request))
    assert details == "events: at most 1000, not 10000"
    answer = await api.http.post("/v1/events", json={"events": many})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "status": "INVALID_ARGUMENT",
        "field": "events",
        "message": "at most 1000, not 10000",
    }


async def test_users(api: Surfaces) -> None:
    users = [
        pb.User(user_id="good", profile={"unheard of": "x"}, preferences=["unheard of"]),
        pb.User(),
        pb.User(user_id="v", profile={"age": "x" * 1025}),
        pb.User(user_id="v", preferences=["c"] * 33),
    ]
    response = await api.catalog.PutUsers(pb.PutUsersRequest(users=users))
    assert response.stored == 1
    assert [(e.index, e.field) for e in response.errors] == [
        (1, "user_id"),
        (2, "profile[age]"),
        (3, "preferences"),
    ]
    answer = await api.lists.Recommend(pb.RecommendRequest(user_id="good", k=5))
    assert len(answer.items) == 5
    assert not answer.degraded
    erased = await api.catalog.EraseUsers(pb.EraseUsersRequest(user_ids=["good", "nobody", ""]))
    assert erased.erased == 1
    assert [(e.index, e.field) for e in erased.errors] == [(1, "user_id"), (2, "user_id")]
    assert (await api.http.delete("/v1/users/nobody")).status_code == 404


@pytest.mark.parametrize("token", ["forged", "AAAA" * 30, "a" * 7000])
async def test_tokens(api: Surfaces, token: str) -> None:
    request = pb.RecommendRequest(user_id="u", page_token=token)
    details = await refused(api.lists.Recommend(request))
    assert details.startswith("page_token: it is none of this stack")
    query = {"page_token": token}
    answer = await api.http.get("/v1/users/u/recommendations", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "page_token"


async def test_filters_that_match_nothing(api: Surfaces) -> None:
    for nothing in (pb.Filter(categories=["x"]), pb.Filter(tags=["x"])):
        answer = await api.lists.Recommend(pb.RecommendRequest(user_id="u", filter=nothing))
        assert (list(answer.items), list(answer.degraded)) == ([], [])
    for query in ("category=x", "tag=x"):
        body = (await api.http.get(f"/v1/users/u/recommendations?{query}")).json()
        assert (body["items"], body["degraded"], body["next_page_token"]) == ([], [], "")


async def test_an_item_without_features(api: Surfaces) -> None:
    items = [pb.Item(item_id="bare"), pb.Item(), pb.Item(item_id="t" * 257)]
    response = await api.catalog.PutItems(pb.PutItemsRequest(items=items))
    assert response.stored == 1
    assert [(e.index, e.field) for e in response.errors] == [(1, "item_id"), (2, "item_id")]
    recorded = await api.lists.RecordEvents(
        pb.RecordEventsRequest(events=[pb.UserEvent(**event("u", 1, item_id="bare"))])
    )
    assert recorded.accepted == 1


async def test_bad_items_are_told_also_while_the_table_is_away(
    api: Surfaces, own_redis: RedisServer
) -> None:
    own_redis.kill()
    long = "i" * 257
    for answer in (
        await api.http.delete(f"/v1/items/{long}"),
        await api.http.post(f"/v1/items/{long}/hide"),
        await api.http.put(f"/v1/items/{long}", json={}),
        await api.http.put(f"/v1/items/{long}/expiry", json={"expires_at": 0}),
    ):
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "item_id")
    assert (await api.http.delete("/v1/items/i0001")).status_code == 503


async def test_numbers_are_numbers(api: Surfaces) -> None:
    for wrong in (True, "1", 1.5):
        answer = await api.http.put("/v1/items/i0001/expiry", json={"expires_at": wrong})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "expires_at")
    for k in ("20.0", "2_0", "true", " 5"):
        answer = await api.http.get("/v1/items/i0001/similar", params={"k": k})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "k")
    batch = [event("u", 1, value=True), event("u", 2, value=3)]
    answer = (await api.http.post("/v1/events", json={"events": batch})).json()
    assert (answer["accepted"], answer["errors"][0]["field"]) == (1, "value")


async def test_bytes_that_are_no_request(api: Surfaces) -> None:
    call = api.channel.unary_unary("/recsys.gateway.v1.RecommendationService/Recommend")
    for wrong in (b"\xff", b"\x0a\x01\xff"):  # cut short; a user id that is not UTF-8
        assert (await refused(call(wrong))).startswith("request: ")
