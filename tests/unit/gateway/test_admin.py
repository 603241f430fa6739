"""AdminService on a real port: who is let in, and what it says."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from recstack import admin
from recstack.cli import app
from recstack.cli.failure import Failure
from services.chassis.channel import open_channel
from services.chassis.errors import StartupError
from services.chassis.tls import OFF, Tls
from services.domain.traffic import Arm
from services.gateway.admin.servicer import NAME, open_admin
from services.gateway.admin.status import Reporter
from services.gateway.release import GatewayRelease
from services.gateway.release_control import ReleaseControl
from services.gateway.settings import GatewaySettings
from services.inference.keeper import ReleaseKeeper
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from tests.certificates import certificates, tls_of
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.world import World, make_release, make_world

__all__ = ["certificates"]

SECRET = "0123456789abcdef"
ADDRESSES = {"rank": "rank:50054"}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> ReleaseControl:
    """A gateway that answers from r1, without stages."""
    folder = tmp_path_factory.mktemp("releases")
    make_release(folder / "r1")
    slots = ReleaseSlots(ReleaseStore(str(folder)), GatewayRelease)
    slots.load("r1")
    return ReleaseControl(slots, {}, {})


@asynccontextmanager
async def serving(world: World, control: ReleaseControl, **told: Any) -> AsyncIterator[int]:
    settings = GatewaySettings(
        admin_token=SecretStr(SECRET), admin_port=0, drain_seconds=0.0, **told
    )
    async with AsyncExitStack() as stack:
        reporter = Reporter(world.gateway, control, settings, ADDRESSES, lambda: 1_700_000_000.5)
        port = await open_admin(reporter, control, settings, stack)
        assert port is not None
        yield port


async def called(port: int, method: str, *metadata: tuple[str, str]) -> grpc.StatusCode:
    async with open_channel(f"127.0.0.1:{port}") as channel:
        try:
            await channel.unary_unary(method)(b"", metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("authorization", "method", "code"),
    [
        (f"Bearer {SECRET}", f"/{NAME}/GetStatus", grpc.StatusCode.OK),
        (f"bearer  {SECRET} ", f"/{NAME}/GetStatus", grpc.StatusCode.OK),
        (f"Bearer {SECRET}x", f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        (f"Bearer {SECRET[:-1]}", f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        (f"Basic {SECRET}", f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        (SECRET, f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        ("Bearer", f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        ("", f"/{NAME}/GetStatus", grpc.StatusCode.UNAUTHENTICATED),
        ("", f"/{NAME}/Nothing", grpc.StatusCode.UNAUTHENTICATED),
        ("", "/grpc.reflection.v1alpha.ServerReflection/X", grpc.StatusCode.UNAUTHENTICATED),
        (f"Bearer {SECRET}", f"/{NAME}/Nothing", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_the_token_alone_opens(
    world: World, control: ReleaseControl, authorization: str, method: str, code: grpc.StatusCode
) -> None:
    async with serving(world, control) as port:
        assert await called(port, method, ("authorization", authorization)) is code


async def test_without_metadata_it_is_closed(world: World, control: ReleaseControl) -> None:
    async with serving(world, control) as port:
        assert await called(port, f"/{NAME}/GetStatus") is grpc.StatusCode.UNAUTHENTICATED


async def asked(port: int, tls: Tls = OFF) -> admin.Status:
    return await asyncio.to_thread(admin.status, f"127.0.0.1:{port}", SECRET, tls)


async def test_the_status_is_that_of_the_gateway(
    release: GatewayRelease, control: ReleaseControl
) -> None:
    clock = Clock()
    world = make_world(release, clock)
    breaker = world.gateway.guards.rank.breaker
    while not breaker.tripped:
        breaker.failed()
        clock.move(0.1)
    world.gateway.lanes.lane(release.id, Arm.CONTROL)
    async with serving(world, control, deadline_seconds=0.25, recall_limit=500) as port:
        status = await asked(port)
    assert status.started_at == 1_700_000_000
    assert status.releases == {world.gateway.release.id: len(world.gateway.release)}
    by_name = {stage.stage: stage for stage in status.stages}
    beside = [f"control.{stage}" for stage in ("recall", "similar", "prerank", "rank", "rerank")]
    assert list(by_name) == [*(guard.name for guard in world.gateway.guards.all), *beside]
    assert by_name["rank"] == admin.Stage("rank", "rank:50054", True, 1)
    assert by_name["recall"] == admin.Stage("recall", "", False, 0)
    assert by_name["control.rank"] == admin.Stage("control.rank", "rank:50054", False, 0)
    assert status.limits == {
        "deadline_ms": 250,
        "request_bytes": 4 * 2**20,
        "recall_candidates": 500,
        "rank_candidates": 200,
    }
    assert status.certificate_expires_at is None


async def test_by_tls_it_tells_until_when(
    world: World, control: ReleaseControl, certificates: Path
) -> None:
    mine = tls_of(certificates, "gateway")
    told = {"tls_ca": mine.ca, "tls_certificate": mine.certificate, "tls_key": mine.key}
    async with serving(world, control, admin_host="0.0.0.0", **told) as port:
        status = await asked(port, tls_of(certificates, "client"))
        with pytest.raises(admin.AdminError, match="UNAVAILABLE"):
            await asked(port, Tls(mine.ca))
    assert status.certificate_expires_at is not None
    assert 364 * 86_400 < status.certificate_expires_at - time.time() < 366 * 86_400
    assert status.clients_asked


async def test_a_token_is_never_sent_in_plain_text_over_a_network(
    world: World, control: ReleaseControl
) -> None:
    with pytest.raises(StartupError, match="would show its token"):
        async with serving(world, control, admin_host="0.0.0.0"):
            pass


async def test_a_taken_port_is_said(world: World, control: ReleaseControl) -> None:
    async with serving(world, control) as port:
        settings = GatewaySettings(admin_token=SecretStr(SECRET), admin_port=port)
        async with AsyncExitStack() as stack:
            reporter = Reporter(world.gateway, control, settings, {}, time.time)
            with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{port}"):
                await open_admin(reporter, control, settings, stack)


async def test_without_a_token_there_is_no_admin_service(
    world: World, control: ReleaseControl
) -> None:
    settings = GatewaySettings()
    async with AsyncExitStack() as stack:
        reporter = Reporter(world.gateway, control, settings, {}, time.time)
        assert await open_admin(reporter, control, settings, stack) is None


class Watchful(ReleaseKeeper):
    """A stage that notes which gateways still have a release when it is to forget it."""

    def __init__(self, slots: ReleaseSlots[Any]) -> None:
        super().__init__(slots)
        self.gateways: list[ReleaseControl] = []
        self.left: list[int] = []

    async def unload(self, release: str, instead: str = "") -> None:
        self.left.append(sum(release in gateway.ids() for gateway in self.gateways))
        await super().unload(release, instead)


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseStore:
    """r1 and r2. No turn is waited for that others on this machine take."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for release in ("r1", "r2"):
        make_release(tmp_path / "releases" / release, release_id=release)
    return ReleaseStore(str(tmp_path / "releases"))


def slots(releases: ReleaseStore) -> ReleaseSlots[GatewayRelease]:
    made = ReleaseSlots(releases, GatewayRelease)
    made.load("r1")
    return made


Run = Callable[..., Awaitable[str]]


@asynccontextmanager
async def commanded(
    world: World, gateways: Sequence[ReleaseControl], folder: Path
) -> AsyncIterator[Run]:
    """Commands on releases that are told to two gateways."""
    token = folder / "admin.token"
    token.write_text(SECRET)

    async def run(*arguments: str) -> str:
        given = ["release", *arguments, "--token-file", str(token), *addresses]
        done = await asyncio.to_thread(CliRunner().invoke, app, given)
        if done.exception is not None:
            raise done.exception
        return done.output

    async with serving(world, gateways[0]) as one, serving(world, gateways[1]) as two:
        addresses = [f"--address=127.0.0.1:{port}" for port in (one, two)]
        yield run


async def test_stages_forget_a_release_after_the_last_gateway(
    world: World, releases: ReleaseStore, tmp_path: Path
) -> None:
    stage = Watchful(slots(releases))
    stage.gateways = [ReleaseControl(slots(releases), {"rank": stage}, ADDRESSES) for _ in range(2)]
    async with commanded(world, stage.gateways, tmp_path) as run:
        await run("load", "r2")
        assert [gateway.ids() for gateway in stage.gateways] == [("r1", "r2")] * 2
        assert "r2 (by hand)" in await run("list")
        await run("unload", "r1", "--instead", "r2")
    assert stage.left == [0]
    assert [gateway.start for gateway in stage.gateways] == ["r2", "r2"]
    assert [record.release for record in stage.records] == ["r2"]


async def test_workers_with_stages_of_their_own_forget_a_release_everywhere(
    world: World, releases: ReleaseStore, tmp_path: Path
) -> None:
    stages = [ReleaseKeeper(slots(releases)) for _ in range(2)]
    workers = [ReleaseControl(slots(releases), {"rank": stage}, {}) for stage in stages]
    async with commanded(world, workers, tmp_path) as run:
        await run("load", "r2")
        await run("unload", "r1", "--instead", "r2")
    held = [record.release for stage in stages for record in stage.records]
    assert held == ["r2", "r2"]


async def test_a_second_try_forgets_what_the_first_left(
    world: World, releases: ReleaseStore, tmp_path: Path
) -> None:
    stage = ReleaseKeeper(slots(releases))
    gateways = [ReleaseControl(slots(releases), {"rank": stage}, ADDRESSES) for _ in range(2)]
    async with commanded(world, gateways, tmp_path) as run:
        await run("load", "r2")
        await gateways[0].unload("r2", here_only=True)
        assert await run("unload", "r2") == "release r2 is unloaded\n"
        assert [record.release for record in stage.records] == ["r1"]
        with pytest.raises(Failure, match=r"NOT_FOUND.*; .*NOT_FOUND"):
            await run("unload", "r2")


@pytest.mark.parametrize("address", ["192.0.2.1:1", "gateway:1", "0.0.0.0:1", "[2001:db8::1]:1"])
def test_the_token_is_not_sent_over_a_network_in_plain_text(address: str) -> None:
    with pytest.raises(StartupError, match="in plain text"):
        admin.status(address, SECRET)


@pytest.mark.parametrize("address", ["localhost:1", "127.0.0.1:1", "[::1]:1"])
def test_the_token_may_go_to_this_machine(address: str) -> None:
    with pytest.raises(admin.AdminError, match="UNAVAILABLE"):
        admin.status(address, SECRET)
