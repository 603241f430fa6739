"""Traces of real processes, as a real collector receives them."""

import asyncio
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from recsys.gateway.v1 import gateway_pb2 as pb

from recstack.processes import GATEWAY_PORT
from services.chassis.channel import open_channel
from services.gateway.client import gateway_stub
from tests.collector import Collector, Span, collecting
from tests.integration.process_stack import ProcessStack, process_stack
from tests.redis import RedisServer, own_redis
from tests.releases import release

__all__ = ["own_redis", "release"]

RPC = "recsys.gateway.v1.RecommendationService/Recommend"
ROUTE = "/v1/users/{user_id:path}/recommendations"
STAGES = ["feature_store", "recall", "prerank", "rank", "rerank", "seen"]
SERVERS = {
    "feature_store": ("feature_store", "recsys.feature_store.v1.FeatureStoreService/GetContexts"),
    "recall": ("recall", "recsys.recall.v1.RecallService/Recall"),
    "prerank": ("prerank", "recsys.prerank.v1.PrerankService/Prerank"),
    "rank": ("rank", "recsys.rank.v1.RankService/Rank"),
    "rerank": ("rerank", "recsys.rerank.v1.RerankService/Rerank"),
    "seen": ("feature_store", "recsys.feature_store.v1.FeatureStoreService/MarkShown"),
}
LEAVES = [name for _, name in SERVERS.values()]
PARENT = "00f067aa0ba902b7"
K = 7


def trace_id(number: int) -> str:
    return f"4bf92f3577b34da6a3ce929d0e0e47{number:02x}"


def context(number: int, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id(number)}-{PARENT}-0{int(sampled)}"}


async def recommend(
    stack: ProcessStack, number: int, sampled: bool = True, user: str = "visitor"
) -> pb.RecommendResponse:
    async with open_channel(stack.plan.address(GATEWAY_PORT)) as channel:
        request = pb.RecommendRequest(user_id=user, k=K)
        metadata = tuple(context(number, sampled).items())
        response: pb.RecommendResponse = await gateway_stub(channel).Recommend(
            request, metadata=metadata
        )
        return response


def one(spans: list[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def children(spans: list[Span], parent: Span) -> list[Span]:
    return [span for span in spans if span.parent == parent.id]


def check_way(spans: list[Span], root: Span) -> None:
    """Root, stages, calls, servers and Redis, each below the one before."""
    assert root.parent == PARENT
    assert (root.service, root.kind, root.error) == ("gateway", "SERVER", False)
    assert root.attributes["recstack.degraded"] == []
    assert sorted(span.name for span in children(spans, root)) == sorted(STAGES)
    for name in STAGES:
        stage = one(children(spans, root), name)
        (call,) = children(spans, stage)
        assert (call.name, call.kind) == (f"{name} call", "CLIENT")
        assert call.attributes["recstack.batch.queries"] == 1
        assert stage.attributes["recstack.batch.queries"] == 1
        (server,) = children(spans, call)
        assert (server.service, server.name, server.kind) == (*SERVERS[name], "SERVER")
        below = {
            (span.service, span.attributes["db.system.name"]) for span in children(spans, server)
        }
        assert below == (
            {("feature_store", "redis")} if name in ("feature_store", "seen") else set()
        )
    assert not any(span.error for span in spans)


def check_counts(spans: list[Span], release: Path) -> None:
    """What a stage let through is what the next one was given."""
    counts = {
        name: (
            one(spans, name).attributes["recstack.candidates.in"],
            one(spans, name).attributes["recstack.candidates.out"],
        )
        for name in STAGES[1:-1]
    }
    assert counts["recall"][0] == 0
    assert counts["recall"][1] == counts["prerank"][0] > K
    assert counts["prerank"][1] == counts["rank"][0] == counts["rank"][1] == counts["rerank"][0]
    assert counts["rerank"][1] == K == one(spans, "seen").attributes["recstack.items"]
    assert {one(spans, name).attributes["recstack.release"] for name in STAGES[:-1]} == {
        release.name
    }


async def check_grpc(stack: ProcessStack, collector: Collector, release: Path) -> None:
    await recommend(stack, 1, sampled=False)  # what is not sampled leaves nothing
    answer = await recommend(stack, 2)
    spans = collector.trace(trace_id(2), RPC, *LEAVES)
    root = one(spans, RPC)
    check_way(spans, root)
    check_counts(spans, release)
    assert root.attributes["recstack.request_id"] == answer.request_id
    assert root.attributes["rpc.response.status_code"] == "OK"
    assert {span.trace for span in collector.spans} == {trace_id(2)}


async def check_http(stack: ProcessStack, collector: Collector) -> None:
    async with httpx.AsyncClient(base_url=stack.http) as client:
        path = "/v1/users/jane.doe/recommendations"
        answer = await client.get(path, params={"k": K}, headers=context(3))
        refused = await client.get(path, params={"k": 0}, headers=context(4))
    assert (answer.status_code, refused.status_code) == (200, 400)
    spans = collector.trace(trace_id(3), f"GET {ROUTE}", *LEAVES)
    root = one(spans, f"GET {ROUTE}")
    check_way(spans, root)
    assert root.attributes["recstack.request_id"] == answer.headers["x-request-id"]
    assert root.attributes["http.response.status_code"] == 200
    (alone,) = collector.trace(trace_id(4), f"GET {ROUTE}")
    assert alone.attributes["http.response.status_code"] == 400
    assert "jane" not in str([*spans, alone])  # no id of a user, nor a path that holds one


async def check_batches(stack: ProcessStack, collector: Collector) -> None:
    """However the requests were put together: each stage leads to the call that served it."""
    numbers = range(10, 18)
    await asyncio.gather(*(recommend(stack, number, user=f"u{number}") for number in numbers))
    traces = {trace_id(number) for number in numbers}

    def whole(spans: list[Span]) -> bool:
        calls = [span for span in spans if span.trace in traces and span.name.endswith(" call")]
        answered = sum(call.attributes["recstack.batch.queries"] for call in calls)
        roots = [span for span in spans if span.trace in traces and span.name == RPC]
        return answered == len(STAGES) * len(traces) and len(roots) == len(traces)

    spans = [span for span in collector.wait(whole) if span.trace in traces]
    calls = {span.id: span for span in spans if span.name.endswith(" call")}
    for call in calls.values():
        assert call.attributes["recstack.batch.queries"] == 1 + len(call.links)
    for stage in (span for span in spans if span.name in STAGES):
        below = [call for call in calls.values() if call.parent == stage.id]
        (call,) = below or [calls[link] for link in stage.links]
        assert call.name == f"{stage.name} call"
        assert below or stage.id in call.links
        queries = call.attributes["recstack.batch.queries"]
        assert stage.attributes["recstack.batch.queries"] == queries
    names = Counter(span.name for span in spans if span.name in STAGES)
    assert names == dict.fromkeys(STAGES, len(traces))


async def check_stage_away(stack: ProcessStack, collector: Collector) -> None:
    stack.signal("rank", signal.SIGSTOP)
    try:
        answer = await recommend(stack, 20, user="late")
    finally:
        stack.signal("rank", signal.SIGCONT)
    assert [skipped.stage for skipped in answer.degraded] == ["rank"]
    spans = collector.trace(trace_id(20), RPC, "rank call", SERVERS["seen"][1])
    root, stage, call = one(spans, RPC), one(spans, "rank"), one(spans, "rank call")
    assert root.attributes["recstack.degraded"] == ["rank: TIMEOUT"]
    assert not root.error
    assert (stage.error, stage.attributes["recstack.skipped"]) == (True, "TIMEOUT")
    assert stage.attributes["recstack.candidates.out"] > K
    assert call.error
    assert one(spans, "rerank").attributes["recstack.candidates.out"] == K


async def check_no_collector(stack: ProcessStack) -> None:
    answer = await recommend(stack, 30, user="unseen")
    assert (len(answer.items), list(answer.degraded)) == (K, [])


def check_logs(stack: ProcessStack) -> None:
    """The services said that the collector was away, and ended in order."""
    for name in ("gateway", "rank"):
        text = (stack.plan.workspace.logs / f"{name}.log").read_text()
        assert text.count("the trace collector does not answer") == 1
        assert '"stopped"' in text


@pytest.mark.timeout(120)
async def test_one_trace_shows_the_funnel(
    release: Path, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSTACK_GATEWAY_TRACE_PARENTS", "true")
    with ExitStack() as until:
        collector = until.enter_context(collecting())
        plan = {"trace": collector.address}
        async with process_stack(release, own_redis, tmp_path, **plan) as stack:
            await check_grpc(stack, collector, release)
            await check_http(stack, collector)
            await check_batches(stack, collector)
            await check_stage_away(stack, collector)
            until.close()
            await check_no_collector(stack)
    check_logs(stack)
