"""Clients of Redis for work off the path of requests."""

from pathlib import Path
from typing import Any

import redis.asyncio
from pydantic import SecretStr
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import RedisError

from services.chassis.errors import StartupError

__all__ = ["RedisError", "open_redis", "read_password"]


def open_redis(
    url: SecretStr, password_file: Path | None = None, timeout: float = 1.0, retries: int = 1
) -> redis.asyncio.Redis:
    """A client that connects when first used; replies are bytes. Close it with `aclose`.

    Args:
        url: redis://, rediss:// (TLS) or unix:// address; may hold user and password.
        password_file: a file with the password, which goes before one in the address.
        timeout: seconds until a silent Redis is given up.
        retries: how often a command is sent again when its connection was lost, such as one that
            Redis closed meanwhile; 0 where it must not have effect twice.

    Raises:
        StartupError: when address or file cannot be read; the message does not show the address.
    """
    options: dict[str, Any] = (
        {} if password_file is None else {"password": read_password(password_file)}
    )
    try:
        return redis.asyncio.Redis.from_url(
            url.get_secret_value(),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), retries, (ConnectionLostError,)),
            **options,
        )
    except ValueError as error:
        raise StartupError(
            "the Redis address is wrong", "write redis://host:port/database"
        ) from error


def read_password(password_file: Path) -> str:
    """The password in a file, without its line's end; StartupError when it cannot be read."""
    try:
        return password_file.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"the Redis password file {password_file} cannot be read", str(error)
        ) from error
