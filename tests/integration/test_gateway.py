"""The whole stack through its two surfaces."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from recsys.common.v1 import common_pb2
from recsys.gateway.v1 import gateway_pb2 as pb

from models.schema.manifest import Manifest
from services.chassis.errors import StartupError
from services.chassis.server import started
from services.gateway.mount import mounted as mount_gateway
from services.gateway.remote import grpc_stages
from services.gateway.settings import GatewaySettings
from tests.integration.stack import PATIENCE, Stack, ids, stack, user
from tests.redis import RedisServer, own_redis
from tests.releases import release

__all__ = ["own_redis", "release", "stack"]


async def error_of(call: Any) -> tuple[str, str]:
    """Status and details of an rpc that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code().name, error.value.details() or ""


async def test_a_full_answer_over_both_surfaces(stack: Stack, release: Path) -> None:
    response = await stack.recommend(user(), k=10)
    assert len(set(ids(response.items))) == 10
    assert not response.degraded
    assert response.cold_start
    assert response.release == Manifest.read(release).id
    assert all(item.title and item.channels and item.categories for item in response.items)
    assert all(set(item.task_scores) == {"interact", "like"} for item in response.items)
    answer = await stack.http.get(f"/v1/users/{user()}/recommendations", params={"k": 10})
    assert answer.status_code == 200
    expected = MessageToDict(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    body = answer.json()
    assert body.keys() == expected.keys()
    assert body["request_id"] == answer.headers["x-request-id"]
    for got, want in zip(body["items"], expected["items"], strict=True):
        assert got.keys() == want.keys()
        assert got["item_id"] == want["item_id"]
        assert got["score"] == pytest.approx(want["score"], rel=1e-6)
        assert got["task_scores"] == pytest.approx(want["task_scores"], rel=1e-6)


async def test_shown_items_do_not_come_again(stack: Stack) -> None:
    one = user()
    shown: list[str] = []
    for _ in range(5):
        response = await stack.recommend(one, k=10)
        assert not response.degraded
        shown += ids(response.items)
    assert len(shown) == len(set(shown)) == 50


async def test_what_is_recorded_is_in_the_next_history(stack: Stack) -> None:
    one = user()
    item, second = ids((await stack.recommend(one, k=2)).items)
    event = pb.UserEvent(event_id="e1", user_id=one, item_id=item, type=common_pb2.EVENT_TYPE_CLICK)
    bad = pb.UserEvent(event_id="e2", user_id=one, item_id=item)
    recorded = await stack.stub.RecordEvents(pb.RecordEventsRequest(events=[event, bad, event]))
    assert (recorded.accepted, recorded.duplicates) == (1, 1)
    assert [(e.index, e.field, e.retryable) for e in recorded.errors] == [(1, "type", False)]
    explained = await stack.explain(one, item, k=5)
    assert "history of 1 events" in explained.stages[0].notes
    assert explained.item.lost_at == "recall"
    body = {
        "events": [
            {"event_id": "e3", "user_id": one, "item_id": second, "type": "EVENT_TYPE_LIKE"},
            {"event_id": "e4", "user_id": one, "item_id": item, "type": "EVENT_TYPE_LIKES"},
        ]
    }
    answer = await stack.http.post("/v1/events", json=body)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert [(e["index"], e["field"]) for e in answer.json()["errors"]] == [(1, "type")]
    assert "history of 2 events" in (await stack.explain(one)).stages[0].notes


async def test_a_session_is_not_the_user_of_that_name(stack: Stack) -> None:
    one = user()
    shown = ids((await stack.recommend(one, k=5)).items)
    event = pb.UserEvent(event_id="e", session_id=one, item_id=shown[0], type=2)
    recorded = await stack.stub.RecordEvents(pb.RecordEventsRequest(events=[event]))
    assert recorded.accepted == 1
    response = await stack.stub.Recommend(pb.RecommendRequest(session_id=one, k=5))
    assert set(ids(response.items)) & set(shown[1:]), "only the event is the session's"
    assert shown[0] not in ids(response.items)
    assert "history of 0 events" in (await stack.explain(one)).stages[0].notes


async def test_events_of_many_users_in_one_call(stack: Stack) -> None:
    users = [user() for _ in range(20)]
    items = ids((await stack.recommend(user(), k=10)).items)
    events = [
        pb.UserEvent(
            event_id=f"e{turn}",
            user_id=one,
            item_id=items[turn],
            type=common_pb2.EVENT_TYPE_CLICK,
        )
        for turn in range(10)
        for one in users
    ]
    recorded = await stack.stub.RecordEvents(pb.RecordEventsRequest(events=events))
    assert (recorded.accepted, recorded.duplicates, len(recorded.errors)) == (200, 0, 0)
    for one in users:
        assert "history of 10 events" in (await stack.explain(one)).stages[0].notes


async def test_filters_and_exclusions(stack: Stack) -> None:
    full = await stack.explain(user(), k=20)
    category = full.response.items[0].categories[0]
    excluded = ids(full.response.items)[:3]
    response = await stack.recommend(
        user(), k=5, filter=pb.Filter(categories=[category]), exclude_item_ids=excluded
    )
    assert response.items
    assert all(category in item.categories for item in response.items)
    assert not set(ids(response.items)) & set(excluded)
    answer = await stack.http.get(
        f"/v1/users/{user()}/recommendations",
        params={"k": 5, "category": category, "exclude": excluded},
    )
    assert [item["item_id"] for item in answer.json()["items"]] == ids(response.items)


async def test_where_items_were_lost(stack: Stack) -> None:
    one = user()
    shown = ids((await stack.recommend(one, k=3)).items)
    assert (await stack.explain(one, shown[0])).item.reason.startswith("seen")
    assert (await stack.explain(one, "nowhere")).item.reason.startswith("unknown item")
    excluded = (await stack.explain(user(), shown[1], exclude_item_ids=[shown[1]])).item
    assert excluded.lost_at == "recall"
    assert excluded.reason.startswith("excluded")
    first = await stack.explain(one, k=100)
    last = first.response.items[-1].item_id
    lost = (await stack.explain(one, last, k=2)).item
    assert lost.lost_at in ("prerank", "rerank")
    assert "position" in lost.reason
    over_http = await stack.http.get(f"/v1/users/{one}/explain", params={"item": last, "k": 2})
    assert over_http.json()["item"]["reason"] == lost.reason
    assert [stage["stage"] for stage in over_http.json()["stages"]] == [
        "feature_store",
        "recall",
        "prerank",
        "rank",
        "rerank",
    ]


async def test_similar_items(stack: Stack) -> None:
    item = ids((await stack.recommend(user(), k=1)).items)[0]
    response = await stack.stub.SimilarItems(pb.SimilarItemsRequest(item_id=item, k=5))
    assert len(set(ids(response.items))) == 5
    assert item not in ids(response.items)
    answer = await stack.http.get(f"/v1/items/{item}/similar", params={"k": 5})
    assert [i["item_id"] for i in answer.json()["items"]] == ids(response.items)
    call = stack.stub.SimilarItems(pb.SimilarItemsRequest(item_id="nowhere"))
    status, details = await error_of(call)
    assert status == "NOT_FOUND"
    assert details.startswith("item_id: ")
    answer = await stack.http.get("/v1/items/nowhere/similar")
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize("stage", ["feature_store", "recall", "prerank", "rank", "rerank"])
async def test_a_stage_that_is_gone(stack: Stack, stage: str) -> None:
    await stack.servers[stage].drain(0.0)
    for _ in range(3):
        response = await stack.recommend(user(), k=10)
        assert len(set(ids(response.items))) == 10
        skipped = [degraded.stage for degraded in response.degraded]
        assert skipped == ([stage, "seen"] if stage == "feature_store" else [stage])


async def test_redis_goes_and_comes_back(stack: Stack) -> None:
    one = user()
    before = ids((await stack.recommend(one, k=5)).items)
    stack.redis.kill()
    degraded = (await stack.recommend(one, k=5)).degraded
    assert {d.stage for d in degraded} == {"feature_store", "takedown", "seen"}
    recorded = await stack.stub.RecordEvents(
        pb.RecordEventsRequest(
            events=[pb.UserEvent(event_id="e", user_id=one, item_id=before[0], type=2)]
        )
    )
    assert recorded.accepted == 0
    assert [(e.index, e.field, e.retryable) for e in recorded.errors] == [(0, "", True)]
    stack.redis.start()
    async with asyncio.timeout(PATIENCE):
        while (await stack.recommend(one, k=5)).degraded:
            await asyncio.sleep(0.05)
    assert not (await stack.recommend(user(), k=5)).degraded


async def test_the_caller_names_the_request(stack: Stack) -> None:
    metadata = (("x-request-id", "my-own-id"),)
    response = await stack.stub.Recommend(pb.RecommendRequest(user_id="u"), metadata=metadata)
    assert response.request_id == "my-own-id"
    answer = await stack.http.get(
        "/v1/users/u/recommendations", headers={"x-request-id": "another-id"}
    )
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "another-id"


async def test_operations(stack: Stack, release: Path) -> None:
    await stack.recommend(user(), k=3)
    assert (await stack.http.get("/healthz")).json() == {"status": "ok"}
    assert (await stack.http.get("/readyz")).json()["release"] == release.name
    stats = (await stack.http.get("/stats")).json()
    assert stats["windows"]["60"]["Recommend"]["requests"] == 1
    for stage in ("feature_store", "recall", "prerank", "rank", "rerank", "seen"):
        assert stats["windows"]["60"][stage]["requests"] == 1
        assert stats["windows"]["60"][stage]["error_rate"] == 0
    metrics = (await stack.http.get("/metrics")).text
    labels = f'{{code="OK",release="{release.name}",rpc="Recommend"}}'
    assert f"recstack_gateway_requests_total{labels}" in metrics
    assert 'recstack_gateway_request_duration_seconds_count{rpc="Recommend"} 1.0' in metrics


async def test_a_taken_http_port_is_said_so(release: Path, own_redis: RedisServer) -> None:
    settings = GatewaySettings(
        port=0, metrics_port=0, http_port=own_redis.port, releases=str(release.parent)
    )
    with pytest.raises(StartupError, match=f"cannot serve HTTP on 127.0.0.1:{own_redis.port}"):
        async with started("gateway", settings, mount_gateway(settings, grpc_stages)):
            pass
