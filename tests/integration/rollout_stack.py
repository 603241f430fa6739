"""A rollout among real processes: the services, two gateways, the rollout service, a Redis.

The second gateway reaches Redis over a link of its own, which a test may cut.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from recstack.admin import AdminError, read_token
from recstack.child import Child, grpc_probe
from recstack.processes import ADMIN, EVENTS, GATEWAY, GATEWAY_PORT, HTTP_PORT, METRICS, Plan
from recstack.rollouts import Rollouts
from recstack.secrets import key_file
from recstack.security import ADMIN_TOKEN, Security
from recstack.supervisor import Supervisor
from recstack.workspace import Workspace
from services.chassis.channel import open_channel
from services.domain.traffic import Arm, assign
from services.gateway.client import gateway_stub
from services.rollout.phase import Phase
from services.rollout.record import Record
from tests.e2e.stack import free_offset
from tests.redis import RedisServer

HOST = "127.0.0.1"
SECOND = 10  # what the ports of the second gateway are above those of the first
LEASE, LEADER = 3.0, 1.0  # seconds
PATIENCE = 60.0
# Half of the users are on the canary until somebody decides otherwise: the step takes hours.
SPEC = """
steps: [{percent: 50, seconds: 36000, requests: 1000000}, {percent: 100}]
guards: {errors: {}}
block_seconds: 0.5
"""
TOLD = {
    "RECSTACK_GATEWAY_DEADLINE_SECONDS": "3",
    "RECSTACK_FEATURE_STORE_REDIS_TIMEOUT": "0.3",
    "RECSTACK_ROLLOUT_LEASE_SECONDS": str(LEASE),
    "RECSTACK_ROLLOUT_LEADER_SECONDS": str(LEADER),
}


class Link:
    """A TCP port that leads to another one, until it is cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    async def start(self, stack: AsyncExitStack) -> int:
        """Listens until the stack ends; its port."""
        server = await asyncio.start_server(self._joined, HOST)
        stack.push_async_callback(self._end, server)
        return int(server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Ends what passes, and lets nothing through."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        self.cut()

    async def _joined(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self._is_cut:
            back.transport.abort()
            return
        with suppress(OSError):
            there, on = await asyncio.open_connection(HOST, self._target)
            await asyncio.gather(self._passed(here, on), self._passed(there, back))
        back.transport.abort()

    async def _passed(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._open.add(sink)
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        self._open.discard(sink)
        sink.transport.abort()


class Asked(NamedTuple):
    """A list that was asked for; `started`: by time.monotonic; `release`: that answered."""

    gateway: int
    started: float
    release: str


@dataclass(frozen=True)
class RolloutStack:
    """A stack in which a rollout runs."""

    supervisor: Supervisor
    link: Link
    rollouts: Rollouts
    stubs: tuple[gateway_pb2_grpc.RecommendationServiceStub, ...]
    asked: list[Asked]

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a service."""
        os.kill(self.supervisor.pids[name], number)

    async def record(self) -> Record:
        """The rollout as the leader has it; waits until there is a leader."""

        def look() -> Record | None:
            with suppress(AdminError):
                return self.rollouts.view().record
            return None

        return await eventually(lambda: asyncio.to_thread(look), lambda record: record is not None)

    async def command(self, name: str) -> Record:
        """Pauses, aborts ... the rollout."""
        done: Record = await asyncio.to_thread(getattr(self.rollouts, name), "a test")
        return done

    async def ask(self, gateway: int, user: str) -> str:
        """The release that answers a user there."""
        started = time.monotonic()
        request = pb.RecommendRequest(user_id=user, k=3)
        answer = await self.stubs[gateway].Recommend(request, timeout=10)
        self.asked.append(Asked(gateway, started, answer.release))
        return str(answer.release)

    async def served(self, gateway: int, users: list[str]) -> set[str]:
        """The releases that answer users there."""
        return set(await asyncio.gather(*(self.ask(gateway, user) for user in users)))

    async def until_served(self, gateway: int, users: list[str], release: str) -> float:
        """Waits until all users are answered by a release there; the seconds that took."""
        start = time.monotonic()
        await eventually(lambda: self.served(gateway, users), lambda found: found == {release})
        return time.monotonic() - start


async def eventually(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """What `look` gives once it is good."""
    async with asyncio.timeout(PATIENCE):
        while not good(found := await look()):
            await asyncio.sleep(0.02)
    return found


def canary_users(record: Record) -> list[str]:
    """Some who are on the canary while it has users."""
    users = [f"user {i}" for i in range(60)]
    return [user for user in users if assign(user, record.policy).arm is Arm.CANARY][:8]


@asynccontextmanager
async def rolling_out(
    stable: Path, canary: str, redis: RedisServer, folder: Path
) -> AsyncIterator[RolloutStack]:
    """A stack with half of its users on the canary, and nobody asking yet."""
    security = Security(None, None, key_file(folder / ADMIN_TOKEN))
    plan = Plan(
        Workspace(folder / "var", free_offset()),
        HOST,
        str(stable.parent),
        release=stable.name,
        redis_url=redis.url,
        security=security,
    )
    async with AsyncExitStack() as stack:
        link = Link(redis.port)
        over_link = redis.url.replace(str(redis.port), str(await link.start(stack)))
        supervisor = Supervisor(_phases(plan, over_link), lambda line: None)
        stack.push_async_callback(supervisor.stop)
        await supervisor.start()
        stubs = []
        for above in (0, SECOND):
            channel = open_channel(plan.address(GATEWAY_PORT + above))
            stubs.append(gateway_stub(await stack.enter_async_context(channel)))
        assert security.admin_token is not None
        token = read_token(security.admin_token)
        rollouts = stack.enter_context(Rollouts(plan.rollout_address, token, by="a test"))
        running = RolloutStack(supervisor, link, rollouts, tuple(stubs), [])
        await _started(running, canary)
        yield running


async def _started(running: RolloutStack, canary: str) -> None:
    def begin() -> bool:
        with suppress(AdminError):  # no leader yet, or no gateway told what it answers from
            running.rollouts.start(canary, SPEC)
            return True
        return False

    await eventually(lambda: asyncio.to_thread(begin), bool)
    record = await eventually(running.record, lambda one: one.phase is not Phase.PREPARING)
    assert record.phase is Phase.RUNNING, record.why
    for gateway in (0, 1):
        await running.until_served(gateway, canary_users(record), canary)


def _phases(plan: Plan, over_link: str) -> list[list[Child]]:
    *before, last = plan.phases()
    gateway = next(child for child in last if child.name == GATEWAY)
    phases = [*before, [*last, _second(plan, gateway, over_link)]]
    return [
        [
            replace(child, environment={**child.environment, **TOLD})
            for child in phase
            if child.name != EVENTS
        ]
        for phase in phases
    ]


def _second(plan: Plan, gateway: Child, over_link: str) -> Child:
    ports = {
        "PORT": GATEWAY_PORT,
        "HTTP_PORT": HTTP_PORT,
        "METRICS_PORT": GATEWAY_PORT + METRICS,
        "ADMIN_PORT": GATEWAY_PORT + ADMIN,
    }
    told = {name: str(plan.port(base + SECOND)) for name, base in ports.items()}
    told["POLICY_FILE"] = str(plan.workspace.policy.with_name("policy-2.json").resolve())
    told["REDIS_URL"] = over_link
    own = {f"RECSTACK_GATEWAY_{name}": value for name, value in told.items()}
    return replace(
        gateway,
        name=f"{GATEWAY}-2",
        environment={**gateway.environment, **own},
        log=plan.workspace.logs / f"{GATEWAY}-2.log",
        probe=grpc_probe(plan.address(GATEWAY_PORT + SECOND)),
    )


@asynccontextmanager
async def asking(
    running: RolloutStack, users: list[str]
) -> AsyncIterator[list[grpc.aio.AioRpcError]]:
    """Asks both gateways for lists of the users all the time; the errors they were given."""
    errors: list[grpc.aio.AioRpcError] = []

    async def ask(gateway: int, user: str) -> None:
        while True:
            try:
                await running.ask(gateway, user)
            except grpc.aio.AioRpcError as error:
                errors.append(error)
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(ask(gateway, user)) for gateway in (0, 1) for user in users]
    try:
        yield errors
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
