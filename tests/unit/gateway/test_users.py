"""The calls on users over both surfaces: good ones, bad ones, and stages that fail."""

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from recsys.gateway.v1 import gateway_pb2 as pb

from services.domain.ids import item_key
from services.feature_store.limits import profile_error
from tests.unit.gateway.served import Surfaces, served
from tests.unit.gateway.world import IDS, World

BAD_USERS: list[tuple[dict[str, Any], str]] = [
    ({"user_id": "u" * 257}, "user_id"),
    ({"user_id": "session:u"}, "user_id"),
    ({"profile": {str(i): "x" for i in range(64)}}, "profile"),
    ({"profile": {"": "x"}}, "profile"),
    ({"profile": {"n" * 65: "x"}}, "profile"),
    ({"profile": {"age": "x" * 1025}}, "profile[age]"),
    ({"profile": {"preferences": "[]"}}, "profile[preferences]"),
    ({"preferences": ["c"] * 33}, "preferences"),
    ({"preferences": ["c", ""]}, "preferences[1]"),
    ({"preferences": ["é" * 33]}, "preferences[0]"),
]


@pytest.fixture
async def api(world: World) -> AsyncIterator[Surfaces]:
    async with served(world) as surfaces:
        yield surfaces


async def status_of(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code().name, error.value.details() or ""


async def put(api: Surfaces, *users: dict[str, Any]) -> pb.PutUsersResponse:
    response: pb.PutUsersResponse = await api.catalog.PutUsers(
        pb.PutUsersRequest(users=[pb.User(**user) for user in users])
    )
    return response


async def test_put_then_export_then_erase(api: Surfaces) -> None:
    user = {"user_id": "u", "profile": {"age": "24"}, "preferences": ["odd", "even"]}
    assert (await put(api, user)).stored == 1
    event = pb.UserEvent(event_id="e", user_id="u", item_id=IDS[3], type=2)
    await api.lists.RecordEvents(pb.RecordEventsRequest(events=[event]))
    shown = (await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=2))).items
    export = await api.catalog.ExportUser(pb.ExportUserRequest(user_id="u"))
    assert MessageToDict(export.user, preserving_proto_field_name=True) == user
    assert [(e.item.item_id, e.item.key, e.type) for e in export.events] == [
        (IDS[3], item_key(IDS[3]), 2)
    ]
    assert [item.item_id for item in export.shown] == [item.item_id for item in shown][::-1]
    assert export.seen_count == 2
    erased = await api.catalog.EraseUsers(pb.EraseUsersRequest(user_ids=["u"]))
    assert (erased.erased, list(erased.errors)) == (1, [])
    status, details = await status_of(api.catalog.ExportUser(pb.ExportUserRequest(user_id="u")))
    assert (status, details) == ("NOT_FOUND", "user_id: nothing is stored of this user")
    assert (await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=2))).cold_start


async def test_the_same_over_http(api: Surfaces) -> None:
    body = {"profile": {"age": "24"}, "preferences": ["odd"]}
    assert (await api.http.put("/v1/users/a/b", json=body)).json() == {"stored": 1}
    event = {"event_id": "e", "user_id": "a/b", "item_id": IDS[3], "type": "EVENT_TYPE_CLICK"}
    await api.http.post("/v1/events", json={"events": [event]})
    over_http = (await api.http.get("/v1/users/a/b")).json()
    export = await api.catalog.ExportUser(pb.ExportUserRequest(user_id="a/b"))
    over_grpc = MessageToDict(
        export, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    over_http["seen_count"] = str(over_http["seen_count"])  # as protobuf writes 64-bit numbers
    for entry in over_http["events"]:
        entry["time"] = str(entry["time"])
    assert over_http == over_grpc
    assert over_http["user"] == {"user_id": "a/b", **body}
    assert (await api.http.delete("/v1/users/a/b")).json() == {"erased": 1}
    for answer in (await api.http.get("/v1/users/a/b"), await api.http.delete("/v1/users/a/b")):
        assert answer.status_code == 404
        assert answer.json()["error"]["field"] == "user_id"


async def test_preferences_reach_the_store_as_one_attribute(world: World, api: Surfaces) -> None:
    await put(api, {"user_id": "u", "profile": {"age": "24"}, "preferences": ["Größe", "odd"]})
    (query,) = world["profiles"].queries
    assert query.profile == {"age": "24", "preferences": '["Größe", "odd"]'}
    await put(api, {"user_id": "u"})
    assert world["profiles"].queries[1].profile == {}


@pytest.mark.parametrize(("given", "field"), BAD_USERS)
async def test_a_bad_user_fails_alone(api: Surfaces, given: dict[str, Any], field: str) -> None:
    bad = {"user_id": "bad", **given}
    response = await put(api, {"user_id": "u"}, bad, {"user_id": "v"})
    assert response.stored == 2
    assert [(e.index, e.field, e.retryable) for e in response.errors] == [(1, field, False)]
    body = {name: value for name, value in bad.items() if name != "user_id"}
    answer = await api.http.put(f"/v1/users/{bad['user_id']}", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["field"], error["message"]) == (field, response.errors[0].message)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"profile": {"age": 24}}, "profile.age"),
        ({"profile": []}, "profile"),
        ({"preferences": "Drama"}, "preferences"),
        ({"name": "Zoë"}, "name"),
        ({"preferences": ["\ud800"]}, "preferences[0]"),
    ],
)
async def test_bodies_that_are_no_user(api: Surfaces, body: Any, field: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await api.http.put("/v1/users/u", content=json.dumps(body), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize("count", [0, 1001])
async def test_too_few_or_too_many(api: Surfaces, count: int) -> None:
    users = [pb.User(user_id="u")] * count
    status, details = await status_of(api.catalog.PutUsers(pb.PutUsersRequest(users=users)))
    assert status == "INVALID_ARGUMENT"
    assert details.startswith("users: ")
    request = pb.EraseUsersRequest(user_ids=["u"] * count)
    status, details = await status_of(api.catalog.EraseUsers(request))
    assert status == "INVALID_ARGUMENT"
    assert details.startswith("user_ids: ")


async def test_erasing_users_that_are_not_there(world: World, api: Surfaces) -> None:
    await put(api, {"user_id": "u"})
    request = pb.EraseUsersRequest(user_ids=["nobody", "", "u", "u" * 257])
    response = await api.catalog.EraseUsers(request)
    assert response.erased == 1
    errors = [(e.index, e.field, e.retryable) for e in response.errors]
    assert errors == [(0, "user_id", False), (1, "user_id", False), (3, "user_id", False)]
    assert response.errors[0].message == "nothing is stored of this user"


async def test_a_session_is_erased_and_exported_by_its_key(world: World, api: Surfaces) -> None:
    await api.lists.Recommend(pb.RecommendRequest(session_id="s", k=2))
    await api.lists.Recommend(pb.RecommendRequest(user_id="s", k=3))
    export = await api.catalog.ExportUser(pb.ExportUserRequest(user_id="session:s"))
    assert len(export.shown) == 2
    assert (await api.http.delete("/v1/users/session:s")).json() == {"erased": 1}
    assert len((await api.catalog.ExportUser(pb.ExportUserRequest(user_id="s"))).shown) == 3


@pytest.mark.parametrize("mode", ["call_error", "crash", "hang"])
async def test_a_store_that_does_not_answer(world: World, api: Surfaces, mode: str) -> None:
    for stage in ("profiles", "erasures", "contexts"):
        world[stage].mode = mode
    short = 1.0 if mode == "hang" else None
    response = await api.catalog.PutUsers(
        pb.PutUsersRequest(users=[pb.User(user_id="u"), pb.User()]), timeout=short
    )
    assert response.stored == 0
    errors = [(e.index, e.field, e.retryable) for e in response.errors]
    assert errors == [(0, "", True), (1, "user_id", False)]
    assert "secret" not in response.errors[0].message
    erased = await api.catalog.EraseUsers(pb.EraseUsersRequest(user_ids=["u"]), timeout=short)
    assert [(e.field, e.retryable) for e in erased.errors] == [("", True)]
    call = api.catalog.ExportUser(pb.ExportUserRequest(user_id="u"), timeout=short)
    assert (await status_of(call))[0] == "UNAVAILABLE"
    if mode != "hang":
        assert (await api.http.put("/v1/users/u", json={})).status_code == 503
        assert (await api.http.delete("/v1/users/u")).status_code == 503
        assert (await api.http.get("/v1/users/u")).status_code == 503


async def test_the_largest_user_is_within_the_limits_of_the_store(
    world: World, api: Surfaces
) -> None:
    largest = {
        "user_id": "é" * 128,
        "profile": {f"{i:064}": "é" * 512 for i in range(63)},
        "preferences": ["\x01" * 64] * 32,
    }
    assert (await put(api, largest)).stored == 1
    (query,) = world["profiles"].queries
    assert profile_error(query) == ""


async def test_calls_are_counted(world: World, api: Surfaces) -> None:
    await put(api, {"user_id": "u"})
    await api.http.get("/v1/users/u")
    await api.http.get("/v1/users/nobody")
    await api.http.put("/v1/users/u", json={"preferences": 3})  # refused: not counted
    windows = (await api.http.get("/stats")).json()["windows"]["60"]
    assert windows["Users"]["requests"] == 3
    assert windows["Users"]["error_rate"] == 0
    assert windows["profiles"]["requests"] == 1
    world["profiles"].mode = "call_error"
    await put(api, {"user_id": "u"})
    windows = (await api.http.get("/stats")).json()["windows"]["60"]
    assert windows["Users"]["error_rate"] == 0.25


async def test_openapi_names_the_calls(api: Surfaces) -> None:
    document = (await api.http.get("/openapi.json")).json()
    operations = document["paths"]["/v1/users/{user_id}"]
    assert operations.keys() == {"get", "put", "delete"}
    assert all(operation["summary"] for operation in operations.values())
