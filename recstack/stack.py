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
from recstack.control import NAME as CONTROL
from recstack.control import controlled
from recstack.local_redis import LocalRedis
from recstack.preparation import fingerprint_of
from recstack.processes import GATEWAY_PORT, HTTP_PORT, ROLLOUT, Plan
from recstack.security import CLIENT
from recstack.standalone import user_imports
from recstack.supervisor import Supervisor
from recstack.users import example_user, load_users, users_of
from services.chassis.errors import StartupError
from services.chassis.tls import Tls
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
            async with controlled(supervisor) as control:
                plan.workspace.announce(_places(plan) | {CONTROL: [control]})
                print(ready_line(plan, example_user(data)), flush=True)
                await stopped
            say("ending ...")
    finally:
        start.cancel()
        stopped.cancel()
        await supervisor.stop()


async def _start(supervisor: Supervisor, plan: Plan, data: Path | None, say: Say) -> None:
    await supervisor.start()
    if data:
        await _load_users(plan, data, say)


def _places(plan: Plan) -> dict[str, list[str]]:
    """Where other commands find the stack."""
    return {
        "stats": plan.stats_urls(),
        "admin": plan.admin_addresses(),
        ROLLOUT: [plan.rollout_address] if plan.has_rollout else [],
        "redis": [plan.redis_url] if plan.security.redis_passwords else [],
    }


async def _load_users(plan: Plan, data: Path, say: Say) -> None:
    """A stack without Redis answers too, so that a failure here is only told."""
    fingerprint = fingerprint_of(data)
    login = plan.security.redis_login("feature_store")
    try:
        async with user_imports(plan.redis_url, login) as imports:
            existing = await load_users(imports, fingerprint, users_of(data))
    except CallError as error:
        say(f"the users of {data} are not loaded: {error}")
    else:
        if existing:
            say(f"{existing} users of {data} were in Redis already and are left as they are")


def ready_line(plan: Plan, user: str) -> str:
    """Where the stack answers, and what to try."""
    grpc, http = plan.address(GATEWAY_PORT), plan.url(HTTP_PORT)
    option = f" --address {grpc}" if grpc != DEFAULT_ADDRESS else ""
    asked = shlex.quote(json.dumps({"user_id": user}))
    method = "recsys.gateway.v1.RecommendationService/Recommend"
    ours, curl, grpcurl = _tls_options(plan.security.tls_of(CLIENT))
    return "\n".join(
        (
            f"ready: gRPC {grpc} · HTTP {http} (docs at /docs) · release {plan.release}"
            f" · logs {plan.workspace.logs}",
            f"  recstack{ours} recommend --user {shlex.quote(user)}{option}",
            f"  curl{curl} '{http}/v1/users/{quote(user, safe='')}/recommendations?k=20'",
            f"  grpcurl{grpcurl} -d {asked} {grpc} {method}",
        )
    )


def _tls_options(tls: Tls) -> tuple[str, str, str]:
    """Of recstack, curl and grpcurl."""
    if not tls.calls:
        return "", "", " -plaintext"
    names = (
        ("--tls-ca", "--tls-certificate", "--tls-key"),
        ("--cacert", "--cert", "--key"),
        ("-cacert", "-cert", "-key"),
    )
    ours, curl, grpcurl = (
        "".join(
            f" {name} {shlex.quote(str(file))}" for name, file in zip(of, tls.files, strict=True)
        )
        for of in names
    )
    return ours, curl, grpcurl
