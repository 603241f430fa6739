"""The rollout service as a process on a real Redis, asked as people ask it.

One process for most tests: the stable release is whatever a test before left.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from recstack.admin import AdminError
from recstack.cli import app
from recstack.cli.failure import Failure
from recstack.rollouts import Rollouts
from services.chassis.channel import open_blocking_channel
from services.domain.traffic import Policy
from services.domain.traffic_report import GATEWAYS_KEY
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.open import Traffic, open_traffic
from services.gateway.traffic.report import Standing
from services.rollout.phase import Phase
from services.rollout.record import Record
from tests.redis import RedisServer, free_port, own_redis, running

__all__ = ["own_redis"]

TOKEN = "0123456789abcdef"
SPEC = """
steps: [{percent: 10, seconds: 600, requests: 100}, {percent: 100}]
guards: {errors: {}}
block_seconds: 0.5
"""
SECONDS = 30.0

Run = Callable[..., Awaitable[Result]]
Plan = tuple[str, str]


class Service:
    """`python -m services.rollout`; `address` is where it answers."""

    def __init__(self, redis_url: str, token: Path) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        told = {
            "PORT": port,
            "METRICS_PORT": 0,
            "REDIS_URL": redis_url,
            "ADMIN_TOKEN_FILE": token,
            "LAME_DUCK_SECONDS": 0,
        }
        environment = {f"RECSTACK_ROLLOUT_{name}": str(value) for name, value in told.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.rollout"], env={**os.environ, **environment}
        )

    def healthy(self) -> bool:
        """Whether it serves, after waiting until it answers."""
        with open_blocking_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            answer = stub.Check(request, timeout=SECONDS, wait_for_ready=True)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class Gateway:
    """A gateway as far as a rollout sees it: it follows the policy and reports.

    Attributes:
        state: of the release on trial, in its one stage.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.state = "loaded"
        self._follower = traffic.follower

    def standing(self) -> Standing:
        policy = self._follower.applied
        states = dict.fromkeys(policy.releases, self.state) | {policy.stable: "loaded"}
        return Standing({"rank": states}, (), policy.stable)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the token and a plan."""
    made = tmp_path_factory.mktemp("rollout")
    (made / "admin.token").write_text(f"{TOKEN}\n")
    (made / "plan.yaml").write_text(SPEC)
    return made


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis where no other test has a traffic policy."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module")
def service(redis_url: str, folder: Path) -> Iterator[Service]:
    with serving(redis_url, folder) as started:
        yield started


@contextmanager
def serving(redis_url: str, folder: Path) -> Iterator[Service]:
    """The service until the context ends."""
    started = Service(redis_url, folder / "admin.token")
    try:
        assert started.healthy()
        yield started
    finally:
        started.process.terminate()
        assert started.process.wait() == 0


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    settings = GatewaySettings(redis_url=SecretStr(redis_url))
    async with AsyncExitStack() as stack:
        traffic = await open_traffic(settings, stack, Policy(0, "r1"))
        told = Gateway(traffic)
        await traffic.report(told.standing, stack)
        yield told
    with redis.Redis.from_url(redis_url) as client:
        client.delete(GATEWAYS_KEY)  # else the next test waits until it is taken for gone


@pytest.fixture
def client(service: Service) -> Iterator[Rollouts]:
    with Rollouts(service.address, TOKEN, "ada") as asked:
        yield asked


@pytest.fixture
def run(service: Service, folder: Path) -> Run:
    """Runs a command; its failures are raised."""
    where = ["--address", service.address, "--token-file", str(folder / "admin.token")]

    async def run(*arguments: str) -> Result:
        done = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, *where])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


@pytest.fixture
def plan(folder: Path) -> Plan:
    """The option of `start`."""
    return "--spec", str(folder / "plan.yaml")


def ready(client: Rollouts) -> Record:
    """The rollout, once it runs and the gateway says so."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        view = client.view()
        assert view.record is not None
        if view.record.phase is Phase.RUNNING and not any(one.lacks for one in view.gateways):
            return view.record
        time.sleep(0.05)
    raise AssertionError("it does not run")


async def test_a_rollout_by_hand(run: Run, plan: Plan, client: Rollouts, gateway: Gateway) -> None:
    done = await run("rollout", "start", "r2", *plan)
    assert done.exit_code == 0, done.output
    assert "running, step 1 of 2, 10 % of the users" in done.output
    rollout = (await asyncio.to_thread(ready, client)).rollout
    with pytest.raises(Failure, match=r"FAILED_PRECONDITION: rollout .* there is one at a time"):
        await run("rollout", "start", "r3")
    status = (await run("rollout", "status")).output
    assert f"rollout {rollout}: r2 instead of " in status
    done = await run("rollout", "pause", "--why", "lunch")
    assert "paused, step 1 of 2" in done.output
    done = await run("rollout", "resume", "--why", "back")
    assert "running, step 1 of 2" in done.output
    with pytest.raises(Failure, match=r"FAILED_PRECONDITION: .* is not paused"):
        await run("rollout", "resume")
    done = await run("rollout", "promote", "--yes", "--why", "seen enough")
    assert "promoted, step 2 of 2, 100 % of the users" in done.output
    assert (await run("rollout", "watch")).exit_code == 0
    history = (await run("rollout", "history", rollout)).output
    kinds = ("started", "prepared", "paused", "resumed", "promoted")
    places = [history.index(f" {kind} ") for kind in kinds]
    assert places == sorted(places)
    assert "seen enough" in history


async def test_an_abort(run: Run, plan: Plan, gateway: Gateway) -> None:
    await run("rollout", "start", "r3", *plan)
    done = await run("rollout", "abort", "--why", "no good")
    assert "rolled back" in done.output
    done = await run("rollout", "watch")
    assert done.exit_code == 3
    assert "no good" in done.output


async def test_a_release_that_does_not_verify(run: Run, plan: Plan, gateway: Gateway) -> None:
    gateway.state = "refused: rank.onnx: wrong hash"
    done = await run("rollout", "start", "r4", *plan)
    assert done.exit_code == 1
    assert "refused" in done.output.splitlines()[-1]
    assert "rank.onnx: wrong hash" in done.output.splitlines()[-1]


async def test_bad_input_is_refused_by_the_service(client: Rollouts) -> None:
    def refused() -> None:
        with pytest.raises(AdminError, match="INVALID_ARGUMENT: spec: ") as failed:
            client.start("r2", "steps: [{percent: 120}, {percent: 5}]\nguards: {error: {}}", "r1")
        for fault in ("steps.0.percent", "steps.1", "guards.error"):
            assert fault in str(failed.value)
        with pytest.raises(AdminError, match="INVALID_ARGUMENT: release: 'r 2' is no id"):
            client.start("r 2", SPEC, "r1")
        with pytest.raises(AdminError, match="INVALID_ARGUMENT: release: r1 is the stable one"):
            client.start("r1", SPEC, "r1")
        for percent in (0, 101, float("nan")):
            with pytest.raises(AdminError, match="INVALID_ARGUMENT: percent"):
                client.start_shadow("r2", percent)
        with pytest.raises(AdminError, match="INVALID_ARGUMENT: limit"):
            client.decisions(5000)

    await asyncio.to_thread(refused)


async def test_a_late_word_is_not_obeyed(client: Rollouts, gateway: Gateway) -> None:
    def late() -> None:
        client.start("r5", SPEC)
        seen = ready(client)
        client.pause("lunch", seen.rollout)
        with pytest.raises(AdminError, match="FAILED_PRECONDITION"):
            client.abort("another one", "20200101-000000-abcd")
        with pytest.raises(AdminError, match=r"is paused .*: resume it first"):
            client.promote(seen=seen)
        client.resume("eaten", seen.rollout)
        client.promote(seen=seen)
        with pytest.raises(AdminError, match="FAILED_PRECONDITION"):
            client.promote(seen=seen)

    await asyncio.to_thread(late)


async def test_a_shadow(run: Run, gateway: Gateway) -> None:
    done = await run("shadow", "start", "r6", "--percent", "20")
    assert done.output == "20 % of the requests are copied to r6, 4 at a time a gateway at most\n"
    shown = (await run("shadow", "show")).output
    assert "copies: compared 0" in shown
    assert (await run("shadow", "stop")).output == "there is no shadow\n"
    with pytest.raises(Failure, match="FAILED_PRECONDITION"):
        await run("shadow", "stop")


def test_a_wrong_token(service: Service) -> None:
    with (
        Rollouts(service.address, "x" * 16) as stranger,
        pytest.raises(AdminError, match="UNAUTHENTICATED"),
    ):
        stranger.view()


def test_while_redis_is_away(own_redis: RedisServer, folder: Path) -> None:
    own_redis.kill()
    with serving(own_redis.url, folder) as service, Rollouts(service.address, TOKEN) as client:
        with pytest.raises(AdminError, match="UNAVAILABLE: Redis"):
            client.decisions()
        assert service.healthy()


def test_without_a_token_it_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.rollout"],
        env={**os.environ, "RECSTACK_ROLLOUT_PORT": "0", "RECSTACK_ROLLOUT_METRICS_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no token" in done.stderr
    assert "Traceback" not in done.stderr
