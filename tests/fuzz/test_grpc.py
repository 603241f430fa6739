"""Every rpc of every service with requests made from its descriptor: no defect, no crash, no hang.

Requests go as bytes, so that some are no messages at all. The stages are asked directly: a service
must not trust that only the gateway calls it.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from recsys.common.v1 import common_pb2
from recsys.feature_store.v1 import feature_store_pb2
from recsys.gateway.v1 import admin_pb2, gateway_pb2
from recsys.prerank.v1 import prerank_pb2
from recsys.rank.v1 import rank_pb2
from recsys.recall.v1 import recall_pb2
from recsys.release.v1 import release_pb2
from recsys.rerank.v1 import rerank_pb2

from services.chassis.batch_client import BatchClient
from services.chassis.channel import OPTIONS
from services.domain.ids import item_key
from tests.fuzz.messages import Requests
from tests.integration.stack import Stack, running
from tests.redis import RedisServer, free_port
from tests.releases import another_release

FILES = [
    ("gateway", gateway_pb2),
    ("admin", admin_pb2),
    ("feature_store", feature_store_pb2),
    ("recall", recall_pb2),
    ("prerank", prerank_pb2),
    ("rank", rank_pb2),
    ("rerank", rerank_pb2),
    ("rerank", release_pb2),
]
TOKEN = "0123456789abcdef"
LET_IN = ("authorization", f"Bearer {TOKEN}")
OTHER = "other"  # a release that is there, and not loaded
EXAMPLES = 50
HANGS = 20.0  # seconds
HONEST = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}
Metadata = tuple[tuple[str, str | bytes], ...]
METADATA: list[Metadata] = [
    (),
    (),
    (("x-request-id", "mine"), ("x-client-key", "shop")),
    (("x-request-id", "~" * 129), ("x-client-key", "~" * 4000)),
    (("x-request-id", " "), ("x-client-key", ""), ("traceparent", "00-0-0-zz")),
    (("x-request-id", "one"), ("x-request-id", "two"), ("some-bin", b"\xff\0")),
]
BAD_REASONS = {common_pb2.REASON_INTERNAL: "INTERNAL", common_pb2.REASON_UNSPECIFIED: "?"}
ITEMS = [f"i{number:04}" for number in range(120)]


async def test_no_request_is_a_defect(
    release_copy: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    another_release(release_copy, OTHER)
    told = {"admin_port": free_port(), "admin_token": SecretStr(TOKEN)}
    async with running(release_copy, own_redis, **told) as stack:
        with monkeypatch.context() as patch:
            samples = Samples(patch).seen
            await work(stack)
        good = {**samples, **{one.DESCRIPTOR.full_name: [one] for one in public()}}
        requests = Requests(known(release_copy.name, samples), good)
        ports = {name: server.port for name, server in stack.servers.items()}
        ports |= {"gateway": stack.port, "admin": told["admin_port"]}
        found = await asyncio.to_thread(fuzz, requests, ports, EXAMPLES * times, times == 1)
        await work(stack)
    assert not found, f"{len(found)} rpcs:\n\n" + "\n\n".join(found)


def public() -> list[Message]:
    """A good request of every rpc that is not for stages."""
    pb, items, users = gateway_pb2, ITEMS[:3], ["u", "session:s"]
    asked = pb.RecommendRequest(user_id="u", k=5, context={"device": "tv"})
    event = pb.UserEvent(event_id="e", user_id="u", item_id=ITEMS[0], type=2, value=1.0)
    item = pb.Item(item_id="new", title="New", categories=["Drama"], attributes={"year": "1999"})
    user = pb.User(user_id="u", profile={"age": "24"}, preferences=["Drama"])
    return [
        asked,
        pb.ExplainRequest(request=asked, item_id=ITEMS[0]),
        pb.SimilarItemsRequest(item_id=ITEMS[0], k=5),
        pb.RecordEventsRequest(events=[event]),
        pb.PutItemsRequest(items=[item]),
        pb.HideItemsRequest(item_ids=items),
        pb.ShowItemsRequest(item_ids=items),
        pb.ExpireItemsRequest(item_ids=items, expires_at=2**31),
        pb.DeleteItemsRequest(item_ids=items),
        pb.GetItemRequest(item_id=ITEMS[3]),
        pb.PutUsersRequest(users=[user]),
        pb.EraseUsersRequest(user_ids=users),
        pb.ExportUserRequest(user_id="u"),
        *(
            request(release=OTHER)
            for file in (admin_pb2, release_pb2)
            for request in (file.LoadReleaseRequest, file.UnloadReleaseRequest)
        ),
    ]


class Samples:
    """Requests that the gateway makes of its stages, by name of their message."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: dict[str, list[Message]] = {}
        call, seen = BatchClient.call, self.seen

        async def kept(client: Any, queries: Sequence[Any], timeout: float) -> Any:
            request = client._encode(queries)
            seen.setdefault(request.DESCRIPTOR.full_name, [])[3:] = [request]
            return await call(client, queries, timeout)

        monkeypatch.setattr(BatchClient, "call", kept)


def known(release: str, samples: Mapping[str, Sequence[Message]]) -> dict[str, Sequence[Any]]:
    """What makes a request get further, by field name."""
    bytes_of: dict[str, set[bytes]] = {}
    for sample in (one for several in samples.values() for one in several):
        for name, value in bytes_fields(sample):
            bytes_of.setdefault(name, set()).add(value)
    return {
        **{name: sorted(values) for name, values in bytes_of.items()},
        "release": [release, OTHER],
        "user_id": ["u", "v"],
        "item_id": ITEMS[:3],
        "item_ids": ITEMS[:3],
        "key": [item_key(ITEMS[0])],
        "remaining_ms": [5000],
    }


def bytes_fields(message: Message) -> Iterator[tuple[str, bytes]]:
    for of, value in message.ListFields():
        if isinstance(value, bytes):
            yield of.name, value
        elif of.message_type and not of.message_type.GetOptions().map_entry:
            for inner in value if of.is_repeated else [value]:
                yield from bytes_fields(inner)


async def work(stack: Stack) -> None:
    """Everything that a gateway asks of its stages; nothing may be skipped."""
    kind = common_pb2.EVENT_TYPE_CLICK
    event = gateway_pb2.UserEvent(event_id="e", user_id="u", item_id=ITEMS[5], type=kind)
    await stack.stub.RecordEvents(gateway_pb2.RecordEventsRequest(events=[event]))
    users = [gateway_pb2.User(user_id="u", profile={"age": "24"})]
    await stack.catalog.PutUsers(gateway_pb2.PutUsersRequest(users=users))
    for filtered in (gateway_pb2.Filter(), gateway_pb2.Filter(categories=["none"])):
        answer = await stack.recommend("u", k=5, filter=filtered)
        assert not answer.degraded
    await stack.explain("u", ITEMS[0])
    await stack.stub.SimilarItems(gateway_pb2.SimilarItemsRequest(item_id=ITEMS[0]))
    for name, server in stack.servers.items():
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, name


def fuzz(requests: Requests, ports: Mapping[str, int], examples: int, same: bool) -> list[str]:
    """What was found, one text an rpc."""
    found = []
    for name, file in FILES:
        with grpc.insecure_channel(f"127.0.0.1:{ports[name]}", options=OPTIONS) as channel:
            for service in file.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    found += fuzz_method(method, channel, requests, (examples, same))
    return found


def fuzz_method(
    method: MethodDescriptor, channel: grpc.Channel, requests: Requests, size: tuple[int, bool]
) -> list[str]:
    """`size`: how many requests, and whether they are the same in each run."""
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    ends: Counter[str] = Counter()

    @settings(
        max_examples=size[0],
        derandomize=size[1],
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests.of(method.input_type), st.sampled_from(METADATA))
    def one(data: bytes, metadata: Metadata) -> None:
        end = ended(call, data, metadata)
        ends[end] += 1
        assert end in HONEST, f"{method.full_name}: {end}\n{shown(method, data)}"

    try:
        one()
    except AssertionError as error:
        return [str(error)]
    print(method.full_name, dict(ends))
    return [] if ends["OK"] else [f"{method.full_name}: no request was good: {dict(ends)}"]


def ended(call: Any, data: bytes, metadata: Metadata) -> str:
    """Status of a call, and of what is in its answer."""
    try:
        answer = call(data, timeout=HANGS, metadata=(*metadata, LET_IN))
    except grpc.RpcError as error:
        code: str = error.code().name
        return code if code in HONEST else f"{code}: {error.details()}"
    return "; ".join(sorted(set(defects(answer)))) or "OK"


def defects(message: Message) -> Iterator[str]:
    """What an answer must not hold: a stage that failed, a number that is none."""
    for of, value in message.ListFields():
        if of.enum_type is common_pb2.Reason.DESCRIPTOR and value in BAD_REASONS:
            yield f"{message.DESCRIPTOR.name}.{of.name} = {BAD_REASONS[value]}: {message}"
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{message.DESCRIPTOR.name}.{of.name} is {value}"
        elif of.name == "task_scores" and not all(map(math.isfinite, value.values())):
            yield f"{message.DESCRIPTOR.name}.{of.name} has {value}"
        elif of.message_type and not of.message_type.GetOptions().map_entry:
            for inner in value if of.is_repeated else [value]:
                yield from defects(inner)


def shown(method: MethodDescriptor, data: bytes) -> str:
    """The request, for people."""
    try:
        text = str(GetMessageClass(method.input_type).FromString(data))
    except DecodeError:
        text = repr(data)
    return text if len(text) < 2000 else f"{text[:2000]} ... ({len(text)} characters)"
