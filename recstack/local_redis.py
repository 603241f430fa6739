"""The Redis of a stack: the one that is named, or a server of its own."""

import asyncio
import signal
from dataclasses import dataclass

from pydantic import SecretStr

from recstack.child import Child
from recstack.processes import REDIS_PORT
from recstack.redis_server import Access, command, find_server, listens, occupant, speaks_tls
from recstack.redis_server import url as url_at
from recstack.redis_users import OPERATOR, write_users
from recstack.security import OPEN_TO_ALL, Security
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from services.chassis.redis import Login, RedisError, open_redis
from services.chassis.tls import OFF

URL_VARIABLE = "RECSTACK_REDIS_URL"
PLAIN_REDIS = (
    "Redis is not encrypted: its program was built without TLS; it listens on loopback alone"
)


@dataclass(frozen=True, slots=True)
class LocalRedis:
    """Where the services find Redis.

    Attributes:
        child: the process to run for it, if any.
        warning: what the one who starts it should know; empty: nothing.
    """

    url: str
    child: Child | None = None
    warning: str = ""


def local_redis(
    workspace: Workspace,
    url: str = "",
    security: Security = OPEN_TO_ALL,
    appendfsync: str = "everysec",
) -> LocalRedis:
    """The Redis at `url`; with none, a server in the workspace, one left over there included.

    Args:
        workspace: where the data of a server of its own are.
        url: of a Redis that is used as it is.
        security: TLS, if the server program knows it, and the passwords.
        appendfsync: when a server that is started waits for the disk, everysec or always.

    Raises:
        StartupError: no server program on this machine, the port is taken by another one, or the
            workspace cannot be written to.
    """
    if url:
        return LocalRedis(url)
    port = REDIS_PORT + workspace.port_offset
    folder = workspace.redis
    tls = security.tls_of("redis") if speaks_tls(find_server()) else OFF
    own, login = SecretStr(url_at(port, tls.serves)), security.redis_login(OPERATOR)
    plain = security.tls is not None and not tls.serves
    warning = PLAIN_REDIS if plain else ""
    passwords = security.redis_passwords
    users = None if passwords is None else write_users(passwords)
    if program := occupant(port):
        if not listens(folder, port) or not asyncio.run(_answers(own, login)):
            raise StartupError(
                f"port {port}, where the stack's own Redis goes, is taken by {program}",
                f"stop it, or use it: {URL_VARIABLE}={url_at(port)} recstack up",
            )
        return LocalRedis(own.get_secret_value(), None, warning)
    child = Child(
        name="redis",
        command=command(folder, port, appendfsync, Access(users, tls)),
        log=workspace.logs / "redis.log",
        probe=lambda: _answers(own, login),
        orphan_signal=signal.SIGTERM,  # it syncs its file, then ends
    )
    return LocalRedis(own.get_secret_value(), child, warning)


async def _answers(url: SecretStr, login: Login) -> bool:
    async with open_redis(url, login) as client:
        try:
            async with asyncio.timeout(2.0):
                return bool(await client.ping())
        except (RedisError, OSError, TimeoutError):
            return False
