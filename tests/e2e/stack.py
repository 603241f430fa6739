"""A stack started by `recstack up`, seen from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recstack import Client, ports
from recstack.processes import GATEWAY_PORT, HTTP_PORT, REDIS_PORT, Plan
from recstack.redis_users import OPERATOR, password_file
from recstack.workspace import Workspace
from services.chassis.redis import read_password

ROOT = Path(__file__).parents[2]
RECSTACK = Path(sys.executable).with_name("recstack")
# Above the ports that the kernel gives to outgoing connections, which could take one of ours.
FIRST_OFFSET, LAST_OFFSET, STEP = 11_000, 13_400, 20
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is ready."""

    process: "subprocess.Popen[str]"
    workspace: Workspace
    ready: str

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{GATEWAY_PORT + self.workspace.port_offset}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{HTTP_PORT + self.workspace.port_offset}"

    @property
    def redis(self) -> str:
        """Address of its Redis, for the user who may do everything."""
        password = read_password(password_file(self.workspace.secrets, OPERATOR))
        port = REDIS_PORT + self.workspace.port_offset
        return f"redis://{OPERATOR}:{password}@127.0.0.1:{port}/0"

    def client(self) -> Client:
        return Client(self.grpc)

    def recstack(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command against this stack."""
        environment = {"RECSTACK_ADDRESS": self.grpc, "RECSTACK_URL": self.http}
        return run_recstack(*arguments, environment=environment)

    def answer(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        done = self.recstack(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pids(self) -> dict[str, int]:
        """Its processes by name, as the kernel sees them."""
        return {name(command): pid for pid, command in children_of(self.process.pid)}


def run_recstack(
    *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(RECSTACK), *arguments],
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def children_of(parent: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Process id and command line of each child."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text()
            command = (process / "cmdline").read_text().split("\0")
        except OSError:  # it ended meanwhile
            continue
        if f"\nPPid:\t{parent}\n" in status:
            yield int(process.name), command


def has_torch(pid: int, metrics: str) -> bool:
    """Whether a service has torch: in its sys.modules, or its libraries in its memory."""
    line = re.search(r'^recstack_module_loaded\{module="torch"\} (\S+)$', metrics, re.MULTILINE)
    assert line, "the metrics do not say whether torch is loaded"
    return line[1] != "0.0" or "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def name(command: Sequence[str]) -> str:
    """rank of `python -m services.rank`, redis of a Redis server, else the program."""
    if "-m" in command:
        return command[command.index("-m") + 1].rpartition(".")[2]
    return "redis" if "redis" in command[0] or "valkey" in command[0] else command[0]


def alive(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def free_offset() -> int:
    """A port offset at which every port of a stack is free."""
    start = FIRST_OFFSET + os.getpid() * STEP % (LAST_OFFSET - FIRST_OFFSET)
    for offset in (*range(start, LAST_OFFSET, STEP), *range(FIRST_OFFSET, start, STEP)):
        wanted = Plan(Workspace(Path(), offset), "127.0.0.1", "").ports()
        if not ports.taken("127.0.0.1", [*wanted, REDIS_PORT + offset]):
            return offset
    raise AssertionError("no free ports")


@contextmanager
def up(
    var: Path, *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[RunningStack]:
    """Starts a stack that writes to `var`; ends it and every child when the context ends."""
    offset = free_offset()
    var.mkdir(parents=True, exist_ok=True)
    news = var / "news.txt"
    command = [str(RECSTACK), "up", "--var", str(var), "--port-offset", str(offset), *arguments]
    with news.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        ready = "".join(process.stdout.readline() for _ in range(4))
        assert ready.startswith("ready: "), news.read_text()
        yield RunningStack(process, Workspace(var, offset), ready)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    left = [pid for pid, _ in children_of(process.pid)]
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    wait_until(lambda: not any(map(alive, left)), "every child has ended")
