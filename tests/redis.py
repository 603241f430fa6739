"""A real Redis for a test run: private, on a free port, killed at the end.

A suite asks for the fixture `redis_server` (one server a test process) or, when it breaks the
server on purpose, for `own_redis` (one server a test).
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recstack import redis_server as product

START_SECONDS = 30.0
FIRST_PORT, PORTS = 20_000, 12_000
_START = os.getpid() * 997 % PORTS
_PORTS = cycle(FIRST_PORT + (_START + step) % PORTS for step in range(PORTS))


class RedisServer:
    """A server as `recstack up` runs it, which a test may freeze, kill and start again."""

    def __init__(
        self,
        folder: Path,
        port: int,
        password: str = "",
        appendfsync: str = "everysec",
        access: product.Access = product.OPEN,
    ) -> None:
        """`access`: with users, `password` is that of the user `operator`."""
        self.folder = folder
        self.port = port
        self.url = product.url(port)
        self._password = password
        self._user = "operator" if access.users else None
        self._appendfsync = appendfsync
        self._access = access
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it answers."""
        alone = self._password and not self._user
        options = ["--requirepass", self._password] if alone else []
        self._process = subprocess.Popen(
            [
                *product.command(self.folder, self.port, self._appendfsync, self._access),
                *options,
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "Redis ended at start"
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Lets it end in order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        """Whether it is this server that answers, not one that took the port meanwhile."""
        password, retry = self._password or None, Retry(NoBackoff(), 0)
        try:
            with redis.Redis(
                port=self.port, username=self._user, password=password, retry=retry
            ) as client:
                return bool(client.info("server")["process_id"] == self.pid)
        except (redis.RedisError, OSError):
            return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now.

    Below those the kernel gives to outgoing connections, which could take it before its server
    does; each process begins elsewhere, and none comes back to a port before all others.
    """
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((product.HOST, port))
            return port
    raise AssertionError("no free port")


@contextmanager
def running(
    folder: Path,
    port: int = 0,
    password: str = "",
    appendfsync: str = "everysec",
    access: product.Access = product.OPEN,
) -> Iterator[RedisServer]:
    """A server, killed when the context ends: the data is not needed afterwards.

    `port`: 0 takes a free one, and another when another process was faster.
    """
    for attempts_left in (2, 1, 0):
        server = RedisServer(folder, port or free_port(), password, appendfsync, access)
        try:
            server.start()
            break
        except AssertionError:
            server.kill()
            if port or not attempts_left:
                raise
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server shared by the tests of this process; each test uses users of its own."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may freeze, kill and start again."""
    with running(tmp_path / "redis") as server:
        yield server
