"""A real Redis for a test run: private, on a free port, killed at the end.

A suite asks for the fixture `redis_server` (one server a test process) or, when it breaks the
server on purpose, for `own_redis` (one server a test).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recstack.redis_server import RedisServer, find_server, free_port
from services.chassis.errors import StartupError


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server shared by the tests of this process; each test uses users of its own."""
    yield from running_redis(tmp_path_factory.mktemp("redis"))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may freeze, kill and start again."""
    yield from running_redis(tmp_path / "redis")


def _started(folder: Path, password: str) -> RedisServer:
    """Another test process may take the free port first: then with another one."""
    for attempts_left in (2, 1, 0):
        server = RedisServer(folder, free_port(), find_server(), password)
        try:
            server.start()
        except StartupError:
            if not attempts_left:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def running_redis(folder: Path, password: str = "") -> Iterator[RedisServer]:
    """Starts a server, yields it, kills it: the data is not needed afterwards."""
    server = _started(folder, password)
    try:
        yield server
    finally:
        server.kill()
