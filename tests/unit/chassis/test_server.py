"""A real server on a free port: request ids, status codes, drain."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from services.chassis.address import joined
from services.chassis.batch_client import BatchClient
from services.chassis.channel import open_channel
from services.chassis.errors import InvalidArgumentError, StartupError
from services.chassis.request_id import METADATA_KEY, request_id
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.domain.outcome import CallError, Outcome, Reason


class Servicer(rerank_pb2_grpc.RerankServiceServicer):  # type: ignore[misc]
    """Answers by the release's name, so that a test says what it wants."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.leave = asyncio.Event()

    async def Rerank(self, request: Any, context: Any) -> rerank_pb2.RerankResponse:  # noqa: N802
        wanted = request.queries[0].release
        if wanted == "invalid":
            raise InvalidArgumentError("k", "must be at least 1, not 0")
        if wanted == "crash":
            raise ZeroDivisionError("secret detail")
        if wanted == "wait":
            self.entered.set()
            await self.leave.wait()
        note = rerank_pb2.RuleNote(rule=request_id.get())
        return rerank_pb2.RerankResponse(results=[rerank_pb2.RerankResult(notes=[note])])


def ask(release: str) -> rerank_pb2.RerankRequest:
    return rerank_pb2.RerankRequest(queries=[rerank_pb2.RerankQuery(release=release)])


def mount(servicer: Servicer) -> Any:
    async def register(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(servicer, server)
        return [rerank_pb2.DESCRIPTOR.services_by_name["RerankService"].full_name]

    return register


async def test_request_id_travels_and_a_new_one_is_made() -> None:
    async with started("t", ServerSettings(port=0), mount(Servicer())) as server:
        stub = rerank_pb2_grpc.RerankServiceStub(open_channel(f"127.0.0.1:{server.port}"))
        given = await stub.Rerank(ask("x"), metadata=((METADATA_KEY, "abc"),))
        assert given.results[0].notes[0].rule == "abc"
        made = await stub.Rerank(ask("x"), metadata=((METADATA_KEY, "a" * 129),))
        assert len(made.results[0].notes[0].rule) == 32


async def test_errors_have_a_status_and_no_stack_trace() -> None:
    async with started("t", ServerSettings(port=0), mount(Servicer())) as server:
        stub = rerank_pb2_grpc.RerankServiceStub(open_channel(f"127.0.0.1:{server.port}"))
        with pytest.raises(grpc.aio.AioRpcError) as invalid:
            await stub.Rerank(ask("invalid"))
        assert invalid.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert invalid.value.details() == "k: must be at least 1, not 0"
        with pytest.raises(grpc.aio.AioRpcError) as crash:
            await stub.Rerank(ask("crash"))
        assert crash.value.code() is grpc.StatusCode.INTERNAL
        assert crash.value.details() == "internal error"
    labels = {"service": "t", "rpc": "Rerank", "code": "INTERNAL"}
    assert REGISTRY.get_sample_value("recstack_rpc_duration_seconds_count", labels) == 1


async def test_a_running_call_ends_before_the_server_does() -> None:
    servicer = Servicer()
    async with started("t", ServerSettings(port=0), mount(servicer)) as server:
        channel = open_channel(f"127.0.0.1:{server.port}")
        running = asyncio.ensure_future(
            rerank_pb2_grpc.RerankServiceStub(channel).Rerank(ask("wait"))
        )
        await servicer.entered.wait()
        draining = asyncio.create_task(server.drain(30))
        await asyncio.sleep(0)
        servicer.leave.set()
        assert len((await running).results) == 1
        await draining


async def test_health_and_a_port_that_is_taken() -> None:
    async with started("t", ServerSettings(port=0), mount(Servicer())) as server:
        health = health_pb2_grpc.HealthStub(open_channel(f"127.0.0.1:{server.port}"))
        for name in ("", "recsys.rerank.v1.RerankService"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        taken = f"u cannot listen on 127.0.0.1:{server.port}"
        with pytest.raises(StartupError, match=taken) as refused:
            async with started("u", ServerSettings(port=server.port), mount(Servicer())):
                pass
        assert "choose another port" in refused.value.hint


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 on this machine")
async def test_an_ipv6_host() -> None:
    async with started("t", ServerSettings(host="::1", port=0), mount(Servicer())) as server:
        health = health_pb2_grpc.HealthStub(open_channel(joined("::1", server.port)))
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_host_of_another_machine_is_named_as_it_was_given() -> None:
    """192.0.2.1 is for documentation (RFC 5737): no machine has it."""
    settings = ServerSettings(host="192.0.2.1", port=50050)
    with pytest.raises(StartupError, match=r"t cannot listen on 192\.0\.2\.1:50050$"):
        async with started("t", settings, mount(Servicer())):
            pass


async def test_batch_client_turns_status_codes_into_reasons() -> None:
    def decode(response: Any) -> list[Outcome[str]]:
        return [Outcome.of(result.notes[0].rule) for result in response.results]

    async with started("t", ServerSettings(port=0), mount(Servicer())) as server:
        stub = rerank_pb2_grpc.RerankServiceStub(open_channel(f"127.0.0.1:{server.port}"))
        client = BatchClient[str, str](stub.Rerank, lambda queries: ask(queries[0]), decode)
        assert [o.failure for o in await client.call(["x"], 5.0)] == [None]
        for query, timeout, reason in [
            ("invalid", 5.0, Reason.INVALID),
            ("crash", 5.0, Reason.INTERNAL),
            ("wait", 0.05, Reason.TIMEOUT),
        ]:
            with pytest.raises(CallError) as failed:
                await client.call([query], timeout)
            assert failed.value.failure.reason is reason
        with pytest.raises(CallError, match="1 results for 2 queries"):
            await client.call(["x", "y"], 5.0)
    with pytest.raises(CallError) as gone:
        await client.call(["x"], 5.0)
    assert gone.value.failure.reason is Reason.UNAVAILABLE
