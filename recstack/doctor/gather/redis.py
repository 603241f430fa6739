"""The Redis of a stack: whether it answers everybody, its clock, and what waits in its log."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from redis import exceptions
from redis.asyncio import Redis as Client

from recstack import ports
from recstack.doctor.facts import Backlog, Redis, RedisTrouble, RedisUser
from recstack.doctor.gather.ports import Owner, strangers
from recstack.doctor.target import Target
from recstack.processes import REDIS_PORT
from recstack.redis_server import HOST, listens
from recstack.redis_users import OPERATOR, USERS
from recstack.security import CLIENT
from services.chassis.errors import StartupError
from services.chassis.redis import Login, RedisError, open_redis, read_password
from services.journal.streams import PARTITIONS, stream

READERS = (("events", "counters"), ("events", "files"), ("requests", "files"))
"""Kind of entry and who reads it, whose state is at <stream>:<reader>."""

PROGRAMS = ("redis", "valkey")


async def look_at_redis(target: Target) -> tuple[Redis, tuple[Backlog, ...]]:
    """Asks it as the operator and as each service, or as the user of its address."""
    url, logins = SecretStr(target.plan.redis_url), logins_of(target)
    own, address = target.own_redis, _address(target.plan.redis_url)
    if own and (stranger := _stranger(target)):
        user = RedisUser(next(iter(logins)), RedisTrouble.OTHER, "it was not asked")
        return Redis(address, (user,), own=own, stranger=stranger), ()
    users = tuple([await _asked_as(url, name, login) for name, login in logins.items()])
    redis = Redis(address, users, own=own)
    if users[0].trouble is not None:
        return redis, ()
    async with open_redis(url, logins[users[0].name], retries=0) as client:
        with suppress(RedisError):  # the user of an address need not be allowed to ask more
            before = target.clock()
            seconds, microseconds = await client.time()
            asked_at, now = (before + target.clock()) / 2, seconds + microseconds / 1e6
            redis = replace(redis, time=now, asked_at=asked_at)
            info = {str(name): str(value) for name, value in (await client.info()).items()}
            redis = replace(redis, info=info)
            return redis, tuple([one async for one in _backlogs(client, now)])
    return redis, ()


def _stranger(target: Target) -> str:
    """Who has the port of the stack's own Redis and is not it: no password is shown to them."""
    port = target.plan.port(REDIS_PORT)
    if not ports.taken(HOST, [port]) or listens(target.plan.workspace.redis, port):
        return ""
    told = strangers(HOST, [port], Owner(PROGRAMS)).get(port)
    return told or str(ports.holder(port) or "somebody who cannot be told")


def logins_of(target: Target) -> dict[str, Login]:
    """Who it is asked as: the one who may see most first."""
    security = target.plan.security
    if security.redis_passwords is None:
        name = target.login.user or urlsplit(target.plan.redis_url).username or "default"
        return {name: replace(target.login, tls=security.tls_of(CLIENT))}
    names = (OPERATOR, *(user.name for user in USERS if user.name != OPERATOR))
    return {name: security.redis_login(name) for name in names}


async def _asked_as(url: SecretStr, name: str, login: Login) -> RedisUser:
    try:
        if login.password_file is not None:
            read_password(login.password_file)
    except StartupError as error:
        return RedisUser(name, RedisTrouble.PASSWORD, str(error))
    try:
        async with open_redis(url, login, retries=0) as client:
            await client.ping()
    except exceptions.AuthenticationError:
        given = login.password_file or urlsplit(url.get_secret_value()).password
        said = "it does not know this password" if given else "it wants a password, none was given"
        return RedisUser(name, RedisTrouble.PASSWORD, said)
    except exceptions.BusyLoadingError as error:
        return RedisUser(name, RedisTrouble.BUSY, str(error))
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        return RedisUser(name, RedisTrouble.UNREACHABLE, str(error))
    except (RedisError, StartupError) as error:
        return RedisUser(name, RedisTrouble.OTHER, str(error))
    return RedisUser(name, None)


async def _backlogs(client: Client, now: float) -> AsyncIterator[Backlog]:
    """What each reader has not done yet; `now`: by the clock that dates entries, that of Redis."""
    for kind, reader in READERS:
        for partition in range(PARTITIONS):
            name = stream(kind, partition)
            position: Any = await client.hget(f"{name}:{reader}", "position")
            left: Any = await client.xrange(name, min=_after(position), count=1)
            if left:
                born = int(left[0][0].partition(b"-")[0]) / 1000
                yield Backlog(name, reader, max(now - born, 0.0), await client.xlen(name))


def _after(position: bytes | None) -> str:
    return "-" if position is None else f"({position.decode()}"


def _address(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return parts.netloc.rpartition("@")[2]
