"""CatalogService: gRPC, HTTP, the clients and the command line, over a real Redis."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc
from typer.testing import CliRunner

from recstack.catalog_results import CatalogItem
from recstack.cli import app
from recstack.cli.failure import Failure
from recstack.client import AsyncClient, NotFoundError, UnavailableError
from services.chassis.channel import open_channel
from services.chassis.redis import open_redis
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.gateway.catalog.open import Catalog
from services.gateway.catalog.servicer import NAME, CatalogServicer
from services.gateway.collectors import ItemTableCollector, register
from services.gateway.http.app import make_app
from services.gateway.release import GatewayRelease
from services.items.store import STREAM, TABLE, VERSION, ItemStore
from services.items.table import ItemTable
from tests.redis import RedisServer, redis_server
from tests.unit.gateway.doors import open_door
from tests.unit.gateway.world import IDS, World, make_release, make_world

__all__ = ["redis_server"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> GatewayRelease:
    return make_release(tmp_path_factory.mktemp("release") / "r1")


@dataclass
class Calls:
    """A gateway and the ways to call it."""

    world: World
    catalog: Catalog
    address: str
    stub: gateway_pb2_grpc.CatalogServiceStub
    http: httpx.AsyncClient

    async def state(self, item_id: str) -> str:
        response = await self.stub.GetItem(pb.GetItemRequest(item_id=item_id))
        return pb.ItemState.Name(response.state)


@pytest.fixture
async def calls(redis_server: RedisServer, release: GatewayRelease) -> AsyncIterator[Calls]:
    async with AsyncExitStack() as stack:
        redis = open_redis(SecretStr(redis_server.url), timeout=30.0)
        stack.push_async_callback(redis.aclose)
        await redis.delete(TABLE, STREAM, VERSION)
        catalog = Catalog(ItemTable(redis), ItemStore(redis))
        world = make_world(release, catalog=catalog, deadline_seconds=60.0)

        async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
            servicer = CatalogServicer(world.gateway.items, world.gateway.users, open_door())
            gateway_pb2_grpc.add_CatalogServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
            return [NAME]

        settings = ServerSettings(port=0, drain_seconds=0.0)
        server = await stack.enter_async_context(started("gateway", settings, mount))
        address = f"127.0.0.1:{server.port}"
        channel = await stack.enter_async_context(open_channel(address))
        registry = CollectorRegistry()
        register(registry, ItemTableCollector(catalog.table))
        transport = httpx.ASGITransport(make_app(world.gateway, registry, 7, kept_seconds=0))
        http = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        yield Calls(
            world,
            catalog,
            address,
            gateway_pb2_grpc.CatalogServiceStub(channel),  # type: ignore[no-untyped-call]
            await stack.enter_async_context(http),
        )


CHAIR: dict[str, Any] = {
    "title": "A chair",
    "categories": ["home", "wood"],
    "tags": ["new"],
    "attributes": {"brand": "Ö"},
    "text": "to sit on",
    "expires_at": 4_000_000_000,
}


async def test_both_surfaces_put_and_read_the_same(calls: Calls) -> None:
    answer = await calls.http.put("/v1/items/shop/chair 1", json=CHAIR)
    assert (answer.status_code, answer.json()) == (200, {"stored": 1})
    got = await calls.stub.GetItem(pb.GetItemRequest(item_id="shop/chair 1"))
    assert got.item == pb.Item(item_id="shop/chair 1", **CHAIR)
    assert (got.state, got.in_release) == (pb.ITEM_STATE_SHOWN, False)
    assert got.put_at > 1_700_000_000
    put = await calls.stub.PutItems(pb.PutItemsRequest(items=[pb.Item(item_id="desk", **CHAIR)]))
    assert put == pb.PutItemsResponse(stored=1)
    body = (await calls.http.get("/v1/items/desk")).json()
    assert body.pop("put_at") == pytest.approx(got.put_at, abs=60)
    assert body == {
        "item": {"item_id": "desk", **CHAIR},
        "state": "ITEM_STATE_SHOWN",
        "in_release": False,
    }


async def test_states_over_both_surfaces(calls: Calls) -> None:
    item = IDS[3]
    assert await calls.state(item) == "ITEM_STATE_SHOWN"
    assert (await calls.http.post(f"/v1/items/{item}/hide")).json() == {"changed": 1}
    assert await calls.state(item) == "ITEM_STATE_HIDDEN"
    shown = await calls.stub.ShowItems(pb.ShowItemsRequest(item_ids=[item]))
    assert shown.changed == 1
    assert await calls.state(item) == "ITEM_STATE_SHOWN"
    expired = await calls.http.put(f"/v1/items/{item}/expiry", json={"expires_at": 5})
    assert expired.json() == {"changed": 1}
    assert await calls.state(item) == "ITEM_STATE_EXPIRED"
    await calls.stub.ExpireItems(pb.ExpireItemsRequest(item_ids=[item]))
    assert await calls.state(item) == "ITEM_STATE_SHOWN"
    assert (await calls.http.delete(f"/v1/items/{item}")).json() == {"changed": 1}
    assert await calls.state(item) == "ITEM_STATE_DELETED"
    hidden = await calls.stub.HideItems(pb.HideItemsRequest(item_ids=[IDS[4], "unborn"]))
    assert hidden == pb.HideItemsResponse(changed=2)
    deleted = await calls.stub.DeleteItems(pb.DeleteItemsRequest(item_ids=[IDS[5]]))
    assert deleted == pb.DeleteItemsResponse(changed=1)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"item_id": ""}, "item_id"),
    ({"item_id": "é" * 129}, "item_id"),
    ({"title": "t" * 1025}, "title"),
    ({"categories": ["c"] * 33}, "categories"),
    ({"categories": ["c", ""]}, "categories[1]"),
    ({"tags": ["t" * 65]}, "tags[0]"),
    ({"attributes": {"": "x"}}, "attributes"),
    ({"attributes": {"n" * 65: "x"}}, "attributes"),
    ({"attributes": {"n": "x" * 1025}}, "attributes[n]"),
    ({"attributes": {str(i): "x" for i in range(65)}}, "attributes"),
    ({"text": "t" * 8193}, "text"),
    ({"expires_at": -1}, "expires_at"),
    ({"expires_at": 2**62}, "expires_at"),
]


async def test_bad_items_are_told_and_the_good_ones_beside_them_are_stored(calls: Calls) -> None:
    bad = [pb.Item(**{"item_id": f"bad {i}", **fields}) for i, (fields, _) in enumerate(BAD)]
    items = [pb.Item(item_id="first"), *bad, pb.Item(item_id="last")]
    answer = await calls.stub.PutItems(pb.PutItemsRequest(items=items))
    assert answer.stored == 2
    assert [(error.index, error.field) for error in answer.errors] == [
        (index, field) for index, (_, field) in enumerate(BAD, 1)
    ]
    assert not any(error.retryable for error in answer.errors)
    assert await calls.state("last") == "ITEM_STATE_SHOWN"
    for fields, field in BAD[1:]:
        item_id = fields.get("item_id", "bad")
        body = {name: value for name, value in fields.items() if name != "item_id"}
        response = await calls.http.put(f"/v1/items/{item_id}", json=body)
        assert (response.status_code, response.json()["error"]["field"]) == (400, field)


async def test_a_call_with_none_or_too_many_changes_nothing(calls: Calls) -> None:
    many = [f"{i}" for i in range(1001)]
    for call, request in (
        (calls.stub.PutItems, pb.PutItemsRequest()),
        (calls.stub.PutItems, pb.PutItemsRequest(items=[pb.Item(item_id=i) for i in many])),
        (calls.stub.HideItems, pb.HideItemsRequest(item_ids=many)),
        (calls.stub.DeleteItems, pb.DeleteItemsRequest()),
        (calls.stub.ExpireItems, pb.ExpireItemsRequest(item_ids=["a"], expires_at=-1)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(request)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await calls.catalog.table.refresh()
    assert len(calls.catalog.table) == 0


async def test_a_thousand_items_of_the_largest_size_in_a_few_calls(calls: Calls) -> None:
    big = [pb.Item(item_id=f"{i}", text="é" * 4096) for i in range(200)]
    assert (await calls.stub.PutItems(pb.PutItemsRequest(items=big))).stored == 200
    await calls.catalog.table.refresh()
    assert len(calls.catalog.table) == 200


async def test_what_cannot_be_changed_is_told_over_both_surfaces(calls: Calls) -> None:
    answer = await calls.stub.ShowItems(pb.ShowItemsRequest(item_ids=[IDS[0], "unborn"]))
    assert (answer.changed, [error.field for error in answer.errors]) == (0, ["item_id"] * 2)
    response = await calls.http.post(f"/v1/items/{IDS[0]}/show")
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "it is not hidden"
    assert (await calls.http.get("/v1/items/nowhere")).status_code == 404
    assert (await calls.http.put("/v1/items/a", json={"colour": "red"})).status_code == 400
    assert (await calls.http.put("/v1/items/a/expiry", json={})).status_code == 400
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await calls.stub.GetItem(pb.GetItemRequest(item_id="nowhere"))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


async def test_without_redis_changes_are_unavailable(release: GatewayRelease) -> None:
    world = make_world(release)
    transport = httpx.ASGITransport(make_app(world.gateway, CollectorRegistry(), worker=7))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        answer = await http.put("/v1/items/a", json={})
        assert (answer.status_code, answer.json()["error"]["status"]) == (503, "UNAVAILABLE")


async def test_the_item_table_is_in_the_metrics(calls: Calls) -> None:
    assert "recstack_gateway_items_age_seconds +Inf" in (await calls.http.get("/metrics")).text
    await calls.http.post(f"/v1/items/{IDS[0]}/hide")
    await calls.http.get(f"/v1/items/{IDS[0]}")
    text = (await calls.http.get("/metrics")).text
    assert "recstack_gateway_items_records 1.0" in text
    assert "recstack_gateway_items_out 1.0" in text
    (version,) = re.findall(r"^recstack_gateway_items_version (.*)$", text, re.MULTILINE)
    assert float(version) == calls.catalog.table.version


async def test_the_client_puts_and_reads(calls: Calls) -> None:
    async with AsyncClient(calls.address, timeout=30.0) as client:
        chair = CatalogItem("chair", "A chair", ("home",), ("new",), {"brand": "Ö"}, "text", 0)
        assert (await client.put_items([chair, CatalogItem("")])).errors[0].field == "item_id"
        assert (await client.get_item("chair")).item == chair
        assert (await client.hide_items(["chair"])).changed == 1
        assert (await client.get_item("chair")).state == "hidden"
        with pytest.raises(NotFoundError):
            await client.get_item("nowhere")


async def run(*arguments: str) -> tuple[int, str, Exception | None]:
    """Exit code, output and error of a command."""
    result = await asyncio.to_thread(CliRunner().invoke, app, [*arguments])
    error = result.exception if isinstance(result.exception, Exception) else None
    return result.exit_code, result.output, error


async def test_the_command_line(calls: Calls, tmp_path: Path) -> None:
    at = ["--address", calls.address]
    code, output, _ = await run(
        *("item", "put", "--id", "chair", "--title", "A chair", "--category", "home"),
        *("--tag", "new", "--attribute", "brand=x", "--expires", "2100-01-01", *at),
    )
    assert (code, output) == (0, "stored: 1 of 1 items\n")
    _, output, _ = await run("item", "get", "chair", "--json", *at)
    details = json.loads(output)
    assert details["item"]["attributes"] == {"brand": "x"}
    assert details["item"]["expires_at"] == 4_102_444_800
    _, output, _ = await run("item", "hide", "chair", IDS[0], *at)
    assert output == "hidden: 2 of 2 items\n"
    _, output, _ = await run("item", "get", "chair", *at)
    assert "hidden" in output
    code, output, error = await run("item", "show", "chair", "nowhere", *at)
    assert "item nowhere: item_id: it is not hidden" in output
    assert isinstance(error, Failure)
    assert (await run("item", "expire", IDS[1], "--at", "5", *at))[0] == 0
    assert await calls.state(IDS[1]) == "ITEM_STATE_EXPIRED"
    assert (await run("item", "delete", IDS[2], *at))[0] == 0
    file = tmp_path / "items.jsonl"
    lines = [{"item_id": f"{i}", "tags": ["x"], "text": "t" * 5000} for i in range(450)]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    _, output, _ = await run("item", "put", str(file), *at)
    assert output == "stored: 450 of 450 items\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: not an object"),
        ('{"title": "x"}', "line 2: no item_id"),
        ('{"item_id": "x", "colour": "red"}', "unknown field 'colour'"),
        ('{"item_id": 5}', "item_id must be a string"),
        ('{"item_id": "x", "tags": [1]}', "tags must be a list of strings"),
        ('{"item_id": "x", "attributes": {"a": 1}}', "attributes must be an object"),
        ('{"item_id": "x", "expires_at": true}', "expires_at must be a whole number"),
    ],
)
async def test_a_bad_line_of_a_file_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "good"}\n' + line + "\n")
    _, _, error = await run("item", "put", str(file))
    assert isinstance(error, Failure)
    assert message in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("put",),
        ("put", "x.jsonl", "--id", "x"),
        ("put", "x.jsonl", "--title", "x"),
        ("put", "missing.jsonl"),
        ("put", "--id", "x", "--attribute", "novalue"),
        ("put", "--id", "x", "--expires", "tomorrow"),
        ("expire", "x", "--at", "soon"),
        ("expire", "x", "--at", "9" * 20),
        ("get", "\udcff"),
        ("hide", "x", "--address", "127.0.0.1:1"),
    ],
)
async def test_commands_that_cannot_be_done_say_why(arguments: tuple[str, ...]) -> None:
    _, _, error = await run("item", *arguments)
    assert isinstance(error, Failure)
    assert str(error)


async def test_a_client_of_no_gateway_is_told() -> None:
    async with AsyncClient("127.0.0.1:1") as client:
        with pytest.raises(UnavailableError):
            await client.hide_items(["a"])
