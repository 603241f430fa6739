"""A proxy in the environment is not for what runs on this machine."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from typer.testing import CliRunner

from recstack import AsyncClient, Client
from recstack.child import grpc_probe, http_probe
from recstack.cli import app
from recstack.top import fetch
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from tests.unit.recstack.test_client import Scripted
from tests.unit.recstack.test_top import body, serving

NAME = gateway_pb2.DESCRIPTOR.services_by_name["RecommendationService"].full_name


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy at which nobody answers."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
    gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(Scripted(), server)
    return [NAME]


async def test_grpc_goes_straight_there() -> None:
    async with started("t", ServerSettings(port=0), mount) as server:
        address = f"127.0.0.1:{server.port}"
        assert await grpc_probe(address)()
        async with AsyncClient(address, timeout=5.0) as client:
            assert (await client.recommend("7")).items[0].item_id == "7"

        def blocking() -> tuple[str, str]:
            with Client(address, timeout=5.0) as client:
                item = client.recommend("7").items[0].item_id
            return item, CliRunner().invoke(app, ["call", address, "list"]).stdout

        item, listed = await asyncio.to_thread(blocking)
    assert item == "7"
    assert NAME in listed


async def test_http_goes_straight_there() -> None:
    answer = body(0.010, 7, 1)
    with serving(answer) as url:
        assert await http_probe(url)()
        assert await asyncio.to_thread(fetch, [url]) == [answer]
