"""A child process: how it is started, whether it answers, how it is ended."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from recstack.readiness import VARIABLE as NOTIFY
from services.chassis.probe import SERVING, status
from services.chassis.tls import OFF, Tls, client_context

LEASH = str(Path(__file__).with_name("leash.py"))
PROBE_SECONDS = 2.0
QUIET = {"GRPC_VERBOSITY": "ERROR"}  # its C core logs every lost connection, and not as JSON

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Child:
    """What to run.

    Attributes:
        name: for people; also the name of its log file.
        command: program and arguments.
        environment: added to this process's own.
        log: file that its output is appended to.
        probe: whether it answers now.
        orphan_signal: what ends it when this process is gone; SIGKILL also ends a frozen one.
        end_signal: what ends it with the others of its stack.
        doubles: two of it may run at once, on the same ports, and each tells when it serves.
        needed: without it the others do not serve; what is not needed may fail to start.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    orphan_signal: int = signal.SIGKILL
    end_signal: int = signal.SIGTERM
    doubles: bool = False
    needed: bool = True


async def spawn(child: Child, notify: str = "") -> Process:
    """Starts it in a session of its own, so that Ctrl-C in the terminal does not reach it.

    `notify`: the socket on which it tells that it serves.
    """
    child.log.parent.mkdir(parents=True, exist_ok=True)
    leash = (sys.executable, "-I", "-S", LEASH, str(int(child.orphan_signal)), str(os.getpid()))
    with child.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *leash,
            *child.command,
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
            env={**QUIET, **os.environ, **child.environment, NOTIFY: notify},
            start_new_session=True,
        )


async def end(process: Process, grace: float, number: int = signal.SIGTERM) -> None:
    """The signal, and SIGKILL when it is still there after `grace` seconds."""
    if process.returncode is not None:
        return
    process.send_signal(number)
    try:
        await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        process.kill()
        await process.wait()


def keep_old(log: Path) -> None:
    """Sets the log of the run before aside: one is kept."""
    if log.exists():
        log.replace(log.with_suffix(".old.log"))


def ending(code: int) -> str:
    """How a process ended, for people."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def last_words(log: Path) -> str:
    """What the process last said to people: the lines of its log that are not JSON."""
    lines = log.read_text(errors="replace").splitlines()[-50:] if log.exists() else []
    words: list[str] = []
    for line in reversed(lines):
        if line.startswith("{"):
            break
        words.insert(0, line)
    return "\n".join(words[-10:])


def grpc_probe(address: str, tls: Tls = OFF) -> Probe:
    """A probe by gRPC health: the service says SERVING."""

    async def probe() -> bool:
        return await status(address, tls) == SERVING

    return probe


def http_probe(url: str, tls: Tls = OFF) -> Probe:
    """A probe by HTTP: the URL is answered with success."""

    trust = client_context(tls) if tls.calls else True

    async def probe() -> bool:
        async with httpx.AsyncClient(
            timeout=PROBE_SECONDS, trust_env=False, verify=trust
        ) as client:
            try:
                return (await client.get(url)).is_success
            except httpx.HTTPError:
                return False

    return probe
