"""A stack on this machine, from start to end."""

import asyncio
import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from recstack import ports
from recstack.client import DEFAULT_ADDRESS
from recstack.local_redis import LocalRedis
from recstack.preparation import fingerprint_of
from recstack.processes import GATEWAY_PORT, HTTP_PORT, Plan
from recstack.standalone import user_imports
from recstack.supervisor import Supervisor
from recstack.users import example_user, load_users, users_of
from services.chassis.errors import StartupError
from services.domain.outcome import CallError

Say = Callable[[str], None]

MAX_PORT = 65535


def check_ports(plan: Plan) -> None:
    """Raises StartupError when a port cannot be listened on, naming who holds it, if anybody."""
    wanted = plan.ports()
    if max(wanted) > MAX_PORT:
        raise StartupError(f"port {max(wanted)} does not exist", "use a lower --port-offset")
    try:
        taken = ports.taken(plan.host, wanted)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {plan.host}: {error.strerror}",
            "give an address of this machine with --host",
        ) from None
    if taken:
        who = ports.holder(taken[0])
        raise StartupError(
            f"port {taken[0]} is taken" + (f" by {who}" if who else ""),
            "stop it, or start this stack on other ports with --port-offset 100",
        )


async def serve(plan: Plan, redis: LocalRedis, data: Path | None, say: Say) -> None:
    """Runs the stack until SIGINT or SIGTERM; no child is left when it returns.

    Raises:
        StartupError: a part of it does not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    phases = [[redis.child], *plan.phases()] if redis.child else plan.phases()
    supervisor = Supervisor(phases, say)
    start = asyncio.create_task(_start(supervisor, plan, data, say))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((start, stopped), return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            await stopped
            say("ending ...")
    finally:
        start.cancel()
        stopped.cancel()
        await supervisor.stop()


async def _start(supervisor: Supervisor, plan: Plan, data: Path | None, say: Say) -> None:
    await supervisor.start()
    if data:
        await _load_users(plan.redis_url, data, say)
    plan.workspace.announce({"stats": plan.stats_urls()})
    print(ready_line(plan, example_user(data)), flush=True)


async def _load_users(redis_url: str, data: Path, say: Say) -> None:
    """A stack without Redis answers too, so that a failure here is only told."""
    fingerprint = fingerprint_of(data)
    try:
        async with user_imports(redis_url) as imports:
            existing = await load_users(imports, fingerprint, users_of(data))
    except CallError as error:
        say(f"the users of {data} are not loaded: {error}")
    else:
        if existing:
            say(f"{existing} users of {data} were in Redis already and are left as they are")


def ready_line(plan: Plan, user: str) -> str:
    """Where the stack answers, and what to try."""
    grpc, http = plan.address(GATEWAY_PORT), plan.address(HTTP_PORT)
    option = f" --address {grpc}" if grpc != DEFAULT_ADDRESS else ""
    asked = shlex.quote(json.dumps({"user_id": user}))
    method = "recsys.gateway.v1.RecommendationService/Recommend"
    return "\n".join(
        (
            f"ready: gRPC {grpc} · HTTP http://{http} (docs at /docs) · release {plan.release}"
            f" · logs {plan.workspace.logs}",
            f"  recstack recommend --user {shlex.quote(user)}{option}",
            f"  curl 'http://{http}/v1/users/{quote(user, safe='')}/recommendations?k=20'",
            f"  grpcurl -plaintext -d {asked} {grpc} {method}",
        )
    )
