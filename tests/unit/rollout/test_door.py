"""RolloutService: who is let in, and what becomes of refusals."""

import asyncio
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr
from recsys.rollout.v1 import rollout_pb2 as pb

from recstack.admin import AdminError
from recstack.rollouts import Rollouts
from services.chassis.channel import open_channel
from services.chassis.errors import StartupError
from services.chassis.redis import RedisError
from services.rollout.errors import BadRequestError, ConflictError, NotLeaderError
from services.rollout.servicer import NAME, guarded
from services.rollout.settings import RolloutSettings
from tests.certificates import certificates, tls_of
from tests.unit.rollout.door import TOKEN, StandIn, serving
from tests.unit.rollout.samples import LOOK, RECORD, SHADOW, SHADOWED, VIEW

__all__ = ["certificates"]

RPCS = [rpc.name for rpc in pb.DESCRIPTOR.services_by_name["RolloutService"].methods]


async def code_of(port: int, method: str, token: str) -> grpc.StatusCode:
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    async with open_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method, lambda _: b"", bytes)
        try:
            await call(None, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.mark.parametrize("token", ["", "x" * 16, TOKEN[:-1], TOKEN + "x"])
async def test_without_the_token_nothing_is_done(token: str) -> None:
    told = StandIn()
    async with serving(told) as port:
        for rpc in [*RPCS, "Nothing"]:
            assert await code_of(port, f"/{NAME}/{rpc}", token) is grpc.StatusCode.UNAUTHENTICATED
        reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        assert await code_of(port, reflection, token) is grpc.StatusCode.UNAUTHENTICATED
    assert not told.asked


async def test_health_needs_no_token() -> None:
    async with (
        serving(StandIn()) as port,
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", NAME):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_every_call_is_passed_on() -> None:
    told = StandIn()

    def call(port: int) -> None:
        with Rollouts(f"127.0.0.1:{port}", TOKEN, "ada") as client:
            assert client.view() == VIEW
            assert client.start("r2", "spec", "r1") == RECORD
            assert client.promote("enough") == RECORD
            assert client.promote(seen=RECORD) == RECORD
            assert client.pause("lunch") == RECORD
            assert client.resume("back") == RECORD
            assert client.abort("no", "17") == RECORD
            assert client.decisions(5, "17", holds=True) == (SHADOWED, LOOK)
            assert client.decisions() == (SHADOWED, LOOK)
            assert client.start_shadow("r2", 2.5) == SHADOW
            assert client.stop_shadow() == SHADOW
            assert client.shadow() == SHADOW

    async with serving(told) as port:
        await asyncio.to_thread(call, port)
    assert told.asked == [
        ("view",),
        ("start", "r2", "spec", "r1", "ada"),
        ("promote", "ada", "enough", "", None),
        ("promote", "ada", "", "17", 0),
        ("pause", "ada", "lunch", ""),
        ("resume", "ada", "back", ""),
        ("abort", "ada", "no", "17"),
        ("decisions", 5, "17", True),
        ("decisions", 100, "", False),
        ("start_shadow", "r2", 2.5, 4, "ada"),
        ("stop_shadow", "ada"),
        ("shadow_view",),
    ]


@pytest.mark.parametrize(
    ("problem", "said", "away"),
    [
        (BadRequestError("steps: a; guards: b"), "INVALID_ARGUMENT: steps: a; guards: b", False),
        (ConflictError("one runs"), "FAILED_PRECONDITION: one runs", False),
        (NotLeaderError("b:50048"), "FAILED_PRECONDITION: .* ask b:50048", False),
        (RedisError("gone"), "UNAVAILABLE: Redis: gone", True),
        (KeyError("a bug"), "INTERNAL: internal error", False),
    ],
)
async def test_refusals(problem: Exception, said: str, away: bool) -> None:
    told = StandIn()
    told.problem = problem

    def call(port: int) -> None:
        with Rollouts(f"127.0.0.1:{port}", TOKEN) as client:
            for ask in (client.view, client.abort, client.shadow):
                with pytest.raises(AdminError, match=said) as refused:
                    ask()
                assert refused.value.away is away

    async with serving(told) as port:
        await asyncio.to_thread(call, port)


async def test_limits_are_those_of_the_wire() -> None:
    told = StandIn()

    def call(port: int) -> None:
        with Rollouts(f"127.0.0.1:{port}", TOKEN) as client:
            with pytest.raises(AdminError, match="INVALID_ARGUMENT: why: at most 1000"):
                client.pause("w" * 1001)
            with pytest.raises(AdminError, match="INVALID_ARGUMENT: spec: at most 65536"):
                client.start("r2", "s" * 65537)

    async with serving(told) as port:
        await asyncio.to_thread(call, port)
    assert not told.asked


async def test_by_tls_it_may_be_anywhere(certificates: Path) -> None:
    mine, theirs = tls_of(certificates, "gateway"), tls_of(certificates, "client")
    told = {"tls_ca": mine.ca, "tls_certificate": mine.certificate, "tls_key": mine.key}

    def call(port: int) -> None:
        with Rollouts(f"127.0.0.1:{port}", TOKEN, tls=theirs) as client:
            assert client.view() == VIEW

    async with serving(StandIn(), host="0.0.0.0", **told) as port:
        await asyncio.to_thread(call, port)


@pytest.mark.parametrize("address", ["192.0.2.1:1", "rollout:50048"])
def test_the_token_is_not_sent_over_a_network_in_plain_text(address: str) -> None:
    with pytest.raises(StartupError, match="in plain text"):
        Rollouts(address, TOKEN)


def test_it_does_not_start_without_a_token_or_where_it_is_seen(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no token"):
        guarded(RolloutSettings())
    with pytest.raises(StartupError, match="cannot be read"):
        guarded(RolloutSettings(admin_token_file=tmp_path / "absent"))
    with pytest.raises(StartupError, match=r"RolloutService on 0\.0\.0\.0 would show its token"):
        guarded(RolloutSettings(admin_token=SecretStr(TOKEN), host="0.0.0.0"))
