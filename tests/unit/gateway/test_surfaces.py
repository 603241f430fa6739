"""gRPC and HTTP say the same, of good calls and of bad ones."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from prometheus_client import CollectorRegistry
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.gateway.client import gateway_stub
from services.gateway.collectors import StatsCollector, register
from services.gateway.http.app import make_app
from services.gateway.http.boundary import MAX_BODY_BYTES
from services.gateway.servicer import NAME, RecommendationServicer
from tests.unit.gateway.doors import open_door
from tests.unit.gateway.world import IDS, World

Stub = gateway_pb2_grpc.RecommendationServiceStub


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    registry = CollectorRegistry()
    register(registry, StatsCollector(world.gateway.stats))
    transport = httpx.ASGITransport(make_app(world.gateway, registry, worker=7))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def stub(world: World) -> AsyncIterator[Stub]:
    async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        servicer = RecommendationServicer(world.gateway, open_door())
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(servicer, server)
        return [NAME]

    settings = ServerSettings(port=0, drain_seconds=0.0)
    async with (
        started("gateway", settings, mount) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield gateway_stub(channel)


BAD_LISTS: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
    # gRPC request, HTTP path, HTTP parameters, field
    ({"user_id": "u", "k": 0}, "/v1/users/u", {"k": 0}, "k"),
    ({"user_id": "u", "k": -1}, "/v1/users/u", {"k": -1}, "k"),
    ({"user_id": "u", "k": 101}, "/v1/users/u", {"k": 101}, "k"),
    ({}, "/v1/users/", {}, "user_id"),
    ({"user_id": "u" * 257}, f"/v1/users/{'u' * 257}", {}, "user_id"),
    ({"session_id": "s" * 241}, f"/v1/sessions/{'s' * 241}", {}, "session_id"),
    ({"user_id": "session:s"}, "/v1/users/session:s", {}, "user_id"),
    ({"user_id": "u", "page_token": "x"}, "/v1/users/u", {"page_token": "x"}, "page_token"),
    (
        {"user_id": "u", "filter": {"tags": ["x", ""]}},
        "/v1/users/u",
        {"tag": ["x", ""]},
        "filter.tags[1]",
    ),
    ({"user_id": "u", "placement": "p" * 65}, "/v1/users/u", {"placement": "p" * 65}, "placement"),
    (
        {"user_id": "u", "context": {"n" * 65: "x"}},
        "/v1/users/u",
        {"context": f"{'n' * 65}:x"},
        "context",
    ),
    (
        {"user_id": "u", "filter": {"categories": ["c", ""]}},
        "/v1/users/u",
        {"category": ["c", ""]},
        "filter.categories[1]",
    ),
    (
        {"user_id": "u", "exclude_item_ids": ["i"] * 1001},
        "/v1/users/u",
        {"exclude": ["i"] * 1001},
        "exclude_item_ids",
    ),
    (
        {"user_id": "u", "exclude_item_ids": ["i" * 257]},
        "/v1/users/u",
        {"exclude": "i" * 257},
        "exclude_item_ids[0]",
    ),
]


async def refused(call: Any) -> str:
    """Details of a call that must end with INVALID_ARGUMENT."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return error.value.details() or ""


async def test_bad_lists_are_refused_alike(
    world: World, stub: Stub, http: httpx.AsyncClient
) -> None:
    for request, path, parameters, field in BAD_LISTS:
        asked = pb.RecommendRequest(**request)
        details = await refused(stub.Recommend(asked))
        assert details.startswith(f"{field}: ")
        assert await refused(stub.Explain(pb.ExplainRequest(request=asked))) == details
        answer = await http.get(f"{path}/recommendations", params=parameters)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["status"], error["field"]) == ("INVALID_ARGUMENT", field)
        assert details == f"{field}: {error['message']}"
    assert not any(stage.queries for stage in world.stages.values()), "it reaches no stage"


async def test_bad_similar_items_are_refused_alike(stub: Stub, http: httpx.AsyncClient) -> None:
    for item, k, field in [("", 5, "item_id"), ("i" * 257, 5, "item_id"), (IDS[0], 0, "k")]:
        details = await refused(stub.SimilarItems(pb.SimilarItemsRequest(item_id=item, k=k)))
        answer = await http.get(f"/v1/items/{item}/similar", params={"k": k})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["field"] == field
        assert details == f"{field}: {error['message']}"


async def test_bad_calls_of_events_are_refused_alike(stub: Stub, http: httpx.AsyncClient) -> None:
    for count in (0, 1001):
        events = [{"event_id": "e", "user_id": "u", "item_id": "i"}] * count
        request = pb.RecordEventsRequest(events=[pb.UserEvent(**event) for event in events])
        details = await refused(stub.RecordEvents(request))
        answer = await http.post("/v1/events", json={"events": events})
        assert answer.status_code == 400
        assert details == f"events: {answer.json()['error']['message']}"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/users/u/recommendations?k=ten", "k"),
        ("/v1/users/u/recommendations?k=99999999999999999999", "k"),
        ("/v1/users/u/recommendations?context=device", "context"),
        ("/v1/users/u/recommendations?limit=3", "limit"),
        ("/v1/users/u/explain?item=" + "i" * 257, "item_id"),
        ("/v1/items/item-1/similar?k=1.5", "k"),
    ],
)
async def test_what_only_http_can_get_wrong(http: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe", "body"),
        (b"{}", "events"),
        (b'{"events": 3}', "events"),
        (b'{"events": [], "more": 1}', "more"),
        (b" " * (MAX_BODY_BYTES + 1), "body"),
    ],
)
async def test_bodies_that_cannot_be_read(
    world: World, http: httpx.AsyncClient, body: bytes, field: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["status"], error["field"]) == ("INVALID_ARGUMENT", field)
    assert error["message"]
    assert ("at most" in error["message"]) == (len(body) > MAX_BODY_BYTES)
    assert not world["events"].queries


async def test_a_body_that_is_not_declared_as_json(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}  # as curl -d does
    answer = await http.post("/v1/events", content=b'{"events": []}', headers=headers)
    assert answer.status_code == 400
    assert "content-type: application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ('{"time": "soon"}', "time"),
        ('{"time": 1.5}', "time"),
        ('{"value": "much"}', "value"),
        ('{"value": null}', "value"),
        ('{"user": "u"}', "user"),
        ('{"item_id": 3}', "item_id"),
        ('{"item_id": ["i"]}', "item_id"),
        ('{"type": 2}', "type"),
        ('{"type": "click"}', "event_id"),
        ('{"\\ud800": 1}', "event"),
        ("{}", "event_id"),
        ("3", "event"),
        ("null", "event"),
        ("[]", "event"),
    ],
)
async def test_an_event_of_wrong_types_fails_alone(
    world: World, http: httpx.AsyncClient, bad: str, field: str
) -> None:
    good = f'"user_id": "u", "item_id": "{IDS[3]}", "type": "EVENT_TYPE_CLICK"'
    body = f'{{"events": [{{"event_id": "1", {good}}}, {bad}, {{"event_id": "2", {good}}}]}}'
    headers = {"content-type": "application/json"}
    answer = await http.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    (error,) = answer.json()["errors"]
    assert (error["index"], error["field"], error["retryable"]) == (1, field, False)
    assert error["message"]


async def test_values_json_has_and_protobuf_has_not(world: World, http: httpx.AsyncClient) -> None:
    event = '{"event_id": "e", "user_id": "u", "item_id": "i", "type": "EVENT_TYPE_CLICK", %s}'
    bad = [
        '"item_id": "\\ud800"',
        '"request_id": "\\udfff"',
        '"value": NaN',
        '"value": 1e400',
        '"value": 1e39',
        '"time": 1' + "0" * 30,
    ]
    body = '{"events": [' + ",".join(event % b for b in bad) + "]}"
    headers = {"content-type": "application/json"}
    answer = await http.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 200
    fields = [error["field"] for error in answer.json()["errors"]]
    assert fields == ["item_id", "request_id", "value", "value", "value", "time"]
    assert not world["events"].queries


async def test_odd_ids_are_ids(world: World, http: httpx.AsyncClient) -> None:
    for user in ("a/b", "a b", "ü", "x/recommendations", "..", "%00"):
        quoted = "".join(f"%{byte:02X}" for byte in user.encode())
        answer = await http.get(f"/v1/users/{quoted}/recommendations")
        assert answer.status_code == 200
        assert world["contexts"].queries[-1].user_id == user


async def test_request_ids_that_cannot_travel_are_replaced(
    world: World, http: httpx.AsyncClient
) -> None:
    for given in (b"caf\xe9", b"i" * 129, b""):
        answer = await http.get("/v1/users/u/recommendations", headers={b"x-request-id": given})
        assert len(answer.json()["request_id"]) == 32
        assert answer.headers["x-request-id"] == answer.json()["request_id"]


async def test_unknown_paths_and_methods(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
    answer = await http.post("/v1/users/u/recommendations")
    assert (answer.status_code, answer.json()["error"]["status"]) == (405, "UNIMPLEMENTED")


def as_json(message: Any) -> Any:
    """The proto's own JSON."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def rounded(value: Any) -> Any:
    """Numbers as 32-bit floats have them; what differs from call to call is taken out."""
    if isinstance(value, dict):
        unlike = ("request_id", "seconds", "next_page_token")
        return {name: rounded(v) for name, v in value.items() if name not in unlike}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float | int) else value


async def test_both_give_the_same(world: World, stub: Stub, http: httpx.AsyncClient) -> None:
    for stage in ("ok", "call_error"):
        world["rank"].mode = stage
        over_grpc = as_json(await stub.Recommend(pb.RecommendRequest(user_id=f"a {stage}", k=7)))
        answer = await http.get(f"/v1/users/b {stage}/recommendations?k=7")
        assert rounded(answer.json()) == rounded(over_grpc)
        assert bool(over_grpc["degraded"]) == (stage == "call_error")
        request = pb.RecommendRequest(user_id="c", k=7)
        explained = as_json(await stub.Explain(pb.ExplainRequest(request=request, item_id=IDS[40])))
        answer = await http.get(f"/v1/users/c/explain?k=7&item={IDS[40]}")
        assert rounded(answer.json()) == rounded(explained)
    similar = as_json(await stub.SimilarItems(pb.SimilarItemsRequest(item_id=IDS[3], k=4)))
    answer = await http.get(f"/v1/items/{IDS[3]}/similar?k=4")
    assert rounded(answer.json()) == rounded(similar)
    events = [{"event_id": "e", "user_id": "u", "item_id": "i", "type": "EVENT_TYPE_CLICK"}, {}]
    request = pb.RecordEventsRequest(events=[pb.UserEvent(**event) for event in events])
    recorded = as_json(await stub.RecordEvents(request))
    answer = await http.post("/v1/events", json={"events": events})
    assert rounded(answer.json()) == rounded(recorded)


async def test_events_that_are_not_stored_may_be_sent_again(
    world: World, http: httpx.AsyncClient
) -> None:
    world["events"].mode = "call_error"
    event = {"event_id": "e", "user_id": "u", "item_id": IDS[0], "type": "EVENT_TYPE_CLICK"}
    answer = await http.post("/v1/events", json={"events": [event, {}, event]})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (0, 0)
    errors = [(error["index"], error["field"], error["retryable"]) for error in body["errors"]]
    assert errors == [(0, "", True), (1, "event_id", False), (2, "", True)]
    assert "UNAVAILABLE" in body["errors"][0]["message"]


async def test_sessions(world: World, stub: Stub, http: httpx.AsyncClient) -> None:
    over_grpc = await stub.Recommend(pb.RecommendRequest(session_id="s", k=2))
    answer = await http.get("/v1/sessions/s/recommendations?k=2")
    shown = [item.item_id for item in over_grpc.items]
    assert [item["item_id"] for item in answer.json()["items"]] == IDS[2:4]
    assert shown == IDS[:2]
    event = {"session_id": "s", "item_id": IDS[4], "type": "EVENT_TYPE_CLICK"}
    request = pb.RecordEventsRequest(events=[pb.UserEvent(event_id="1", **event)])
    assert (await stub.RecordEvents(request)).accepted == 1
    answer = await http.post("/v1/events", json={"events": [{"event_id": "2", **event}]})
    assert answer.json()["accepted"] == 1
    answer = await http.get("/v1/sessions/s/recommendations?k=2")
    assert [item["item_id"] for item in answer.json()["items"]] == IDS[5:7]
    answer = await http.get("/v1/users/s/recommendations?k=2")
    assert [item["item_id"] for item in answer.json()["items"]] == IDS[:2], "a user is another"
    answer = await http.get(f"/v1/sessions/s/explain?item={IDS[4]}")
    assert "seen by the user" in answer.json()["item"]["stages"][0]["notes"]


async def test_recall_that_cannot_answer_similar_items(
    world: World, stub: Stub, http: httpx.AsyncClient
) -> None:
    for mode in ("call_error", "crash", "wrong"):
        world["similar"].mode = mode
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.SimilarItems(pb.SimilarItemsRequest(item_id=IDS[0]))
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "secret" not in (error.value.details() or "")
        answer = await http.get(f"/v1/items/{IDS[0]}/similar")
        assert answer.status_code == 503
        assert answer.json()["error"]["status"] == "UNAVAILABLE"
        assert "secret" not in answer.text


async def test_a_shorter_deadline_of_the_caller_is_the_one(world: World, stub: Stub) -> None:
    await stub.Recommend(pb.RecommendRequest(user_id="u"), timeout=30.0)
    await stub.Recommend(pb.RecommendRequest(user_id="u"), timeout=300.0)
    shorter, longer = (query.remaining for query in world["contexts"].queries)
    assert 0 < shorter < 30.5 * 6 / 15  # gRPC rounds a deadline up on its way
    assert shorter < longer <= 60.0 * 6 / 15


async def test_a_crash_of_the_gateway_shows_nothing(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(world.gateway, "recommend", crash)
    answer = await http.get("/v1/users/u/recommendations")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {"status": "INTERNAL", "field": "", "message": "internal error"}
    }


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema a reference names; KeyError when it names none."""
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def matches(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is as the schema says; the few words of JSON Schema that are used here."""
    schema = resolve(document, schema)
    if "anyOf" in schema:
        return any(matches(document, choice, value) for choice in schema["anyOf"])
    match schema["type"]:
        case "object":
            properties = schema.get("properties", {})
            rest = schema.get("additionalProperties", {})
            return (
                isinstance(value, dict)
                and set(schema.get("required", ())) <= value.keys()
                and (bool(rest) or value.keys() <= properties.keys())
                and all(matches(document, properties.get(n, rest), v) for n, v in value.items())
            )
        case "array":
            return isinstance(value, list) and all(
                matches(document, schema["items"], v) for v in value
            )
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
    raise AssertionError(f"unexpected schema {schema}")


async def test_answers_are_as_openapi_says(world: World, http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    references = json.dumps(document).count('"$ref"')
    assert references > 10
    world["rank"].mode = "call_error"
    calls = [
        ("/v1/users/{user_id}/recommendations", "/v1/users/u/recommendations", 200),
        ("/v1/sessions/{session_id}/recommendations", "/v1/sessions/s/recommendations", 200),
        ("/v1/users/{user_id}/explain", f"/v1/users/u/explain?item={IDS[3]}", 200),
        ("/v1/users/{user_id}/explain", "/v1/users/u/explain", 200),
        ("/v1/sessions/{session_id}/explain", f"/v1/sessions/s/explain?item={IDS[3]}", 200),
        ("/v1/items/{item_id}/similar", f"/v1/items/{IDS[3]}/similar", 200),
        ("/v1/items/{item_id}/similar", "/v1/items/nowhere/similar", 404),
        ("/v1/users/{user_id}/recommendations", "/v1/users/u/recommendations?k=0", 400),
    ]
    for template, path, code in calls:
        operation = document["paths"][template]["get"]
        schema = operation["responses"][str(code)]["content"]["application/json"]["schema"]
        assert matches(document, schema, (await http.get(path)).json()), path
        assert "422" not in operation["responses"]
        assert operation.get("summary")
        for parameter in operation["parameters"]:
            assert parameter["description"]
    operation = document["paths"]["/v1/events"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = await http.post("/v1/events", json={"events": [{}]})
    assert matches(document, schema, answer.json())
    assert not matches(document, schema, {"accepted": "one"}), "the check can fail"


async def test_the_documentation_is_served(http: httpx.AsyncClient) -> None:
    assert "swagger" in (await http.get("/docs")).text


async def test_stats_and_metrics(world: World, http: httpx.AsyncClient) -> None:
    world["rank"].mode = "call_error"
    await http.get("/v1/users/u/recommendations")
    await http.get("/v1/users/u/recommendations?k=0")  # refused: not counted
    stats = (await http.get("/stats")).json()
    assert (stats["worker"], stats["release"]) == (7, "r1")
    for window in ("10", "60", "300"):
        whole = stats["windows"][window]["Recommend"]
        assert (whole["requests"], whole["degraded_rate"], whole["error_rate"]) == (1, 1.0, 0.0)
        assert stats["windows"][window]["rank"]["error_rate"] == 1.0
        assert sum(stats["arrays"][window]["rank"][len(stats["layout"]["counters"]) :]) == 1
    text = (await http.get("/metrics")).text
    assert 'recstack_gateway_degraded_total{rpc="Recommend"} 1.0' in text
