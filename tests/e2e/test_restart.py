"""Every service of a stack is replaced, one after another, while requests run."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count

import httpx
import pytest

from recstack import AsyncClient
from recstack.processes import EVENTS, GATEWAY, ROLLOUT, STAGES
from tests.e2e.stack import RECSTACK, RunningStack

PAUSE = 0.05  # seconds between two requests: 20 a second of each kind
TIMEOUT = 10.0  # for a machine that starts processes meanwhile; a failure is no answer at all
USERS = 943


@asynccontextmanager
async def traffic(stack: RunningStack) -> AsyncIterator[Counter[str]]:
    """Requests at a steady rate, by gRPC and by HTTP; counts how they end."""
    ends: Counter[str] = Counter()
    running: set[asyncio.Task[None]] = set()

    async def noted(kind: str, ask: Coroutine[None, None, bool]) -> None:
        try:
            ends[f"{kind} whole" if await ask else f"{kind} degraded"] += 1
        except Exception as error:  # noqa: BLE001 - the test names it, whatever it is
            ends[f"{kind} failed: {error!r}"] += 1

    async def send(kind: str, ask: Callable[[str], Coroutine[None, None, bool]]) -> None:
        for number in count():
            task = asyncio.create_task(noted(kind, ask(str(1 + number % USERS))))
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(PAUSE)

    async with (
        AsyncClient(stack.grpc, timeout=TIMEOUT) as client,
        httpx.AsyncClient(base_url=stack.http, timeout=TIMEOUT, trust_env=False) as http,
    ):

        async def by_grpc(user: str) -> bool:
            return not (await client.recommend(user, k=5)).degraded

        async def by_http(user: str) -> bool:
            url = f"/v1/users/{user}/recommendations?k=5"
            answer = await http.get(url)
            while answer.status_code == httpx.codes.TOO_MANY_REQUESTS:  # as our own client does
                await asyncio.sleep(answer.json()["error"]["retry_after_ms"] / 1000)
                answer = await http.get(url)
            return not answer.raise_for_status().json()["degraded"]

        senders = [
            asyncio.create_task(send("gRPC", by_grpc)),
            asyncio.create_task(send("HTTP", by_http)),
        ]
        yield ends
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, *running, return_exceptions=True)


async def restarted(stack: RunningStack, *services: str) -> list[str]:
    """What `recstack restart` says while requests run, of which none may fail."""
    where = ("--var", str(stack.workspace.root), "--port-offset", str(stack.workspace.port_offset))
    async with traffic(stack) as ends:
        command = await asyncio.create_subprocess_exec(
            RECSTACK, "restart", *services, *where, stdout=subprocess.PIPE
        )
        said, _ = await command.communicate()
    assert command.returncode == 0
    print(dict(ends))
    assert not {end: number for end, number in ends.items() if "failed" in end}
    assert ends["gRPC whole"] > 20
    assert ends["HTTP whole"] > 20
    return said.decode().splitlines()


@pytest.mark.timeout(300)
async def test_a_rolling_restart_of_every_service(stack: RunningStack) -> None:
    before = stack.pids()
    said = await restarted(stack)
    services = [*STAGES, EVENTS, GATEWAY, ROLLOUT]
    assert said == [f"restarted {service}" for service in services]
    after = stack.pids()
    assert after.keys() == before.keys()
    assert not {before[service] for service in services} & {*after.values()}
    assert after["redis"] == before["redis"]


async def test_a_rolling_restart_of_workers(workers: RunningStack) -> None:
    said = await restarted(workers, "worker-0", "worker-1")
    assert said == ["restarted worker-0", "restarted worker-1"]
