"""The Redis of a stack: the one that is named, or a server of its own."""

import asyncio
import signal
from dataclasses import dataclass

import redis
import redis.asyncio

from recstack.child import Child
from recstack.processes import REDIS_PORT
from recstack.redis_server import command, occupant
from recstack.redis_server import url as url_at
from recstack.workspace import Workspace
from services.chassis.errors import StartupError

URL_VARIABLE = "RECSTACK_REDIS_URL"


@dataclass(frozen=True, slots=True)
class LocalRedis:
    """Where the feature store finds Redis, and the child process to run for it, if any."""

    url: str
    child: Child | None = None


def local_redis(workspace: Workspace, url: str = "", appendfsync: str = "everysec") -> LocalRedis:
    """The Redis at `url`; with none, a server in the workspace, one left over there included.

    `appendfsync`: when a server that is started waits for the disk, everysec or always.

    Raises:
        StartupError: no server program on this machine, the port is taken by another one, or the
            workspace cannot be written to.
    """
    if url:
        return LocalRedis(url)
    port = REDIS_PORT + workspace.port_offset
    folder = workspace.redis
    url = url_at(port)
    if program := occupant(port):
        if _folder_of(url) != str(folder.resolve()):
            raise StartupError(
                f"port {port}, where the stack's own Redis goes, is taken by {program}",
                f"stop it, or use it: {URL_VARIABLE}={url} recstack up",
            )
        return LocalRedis(url)
    child = Child(
        name="redis",
        command=command(folder, port, appendfsync),
        log=workspace.logs / "redis.log",
        probe=lambda: _answers(url),
        orphan_signal=signal.SIGTERM,  # it syncs its file, then ends
    )
    return LocalRedis(url, child)


def _folder_of(url: str) -> str:
    """The data folder of the Redis at the URL; empty when it does not say."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1.0) as client:
            return str(client.config_get("dir").get("dir", ""))
    except redis.RedisError:
        return ""


async def _answers(url: str) -> bool:
    client = redis.asyncio.Redis.from_url(url, socket_timeout=1.0)
    try:
        async with asyncio.timeout(2.0):
            return bool(await client.ping())
    except (redis.RedisError, OSError, TimeoutError):
        return False
    finally:
        await client.aclose()
