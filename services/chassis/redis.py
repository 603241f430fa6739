"""Clients of Redis for work off the path of requests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio
from pydantic import SecretStr
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from services.chassis.errors import StartupError
from services.chassis.redact import protect, protect_url
from services.chassis.tls import OFF, Tls, client_context

__all__ = ["Login", "RedisError", "open_redis", "read_password"]

URL_HINT = "write redis://host:port/database"


@dataclass(frozen=True, slots=True)
class Login:
    """Who one is to Redis, beside what its address says.

    Attributes:
        user: goes before one in the address.
        password_file: a file with the password, which goes before one in the address.
        tls: files for rediss:// addresses; without a CA, whom the system trusts is trusted.
    """

    user: str = ""
    password_file: Path | None = None
    tls: Tls = OFF


NOBODY = Login()


def open_redis(
    url: SecretStr, login: Login = NOBODY, timeout: float = 1.0, retries: int = 1
) -> redis.asyncio.Redis:
    """A client that connects when first used; replies are bytes. Close it with `aclose`.

    Args:
        url: redis://, rediss:// (TLS) or unix:// address; may hold user and password.
        login: who asks.
        timeout: seconds until a silent Redis is given up.
        retries: how often a command is sent again when its connection was lost, such as one that
            Redis closed meanwhile; 0 where it must not have effect twice.

    Raises:
        StartupError: when address or file cannot be read; the message does not show the address.
    """
    address = url.get_secret_value()
    protect_url(address)
    # Neither its name nor notices of maintenance: both are CLIENT commands, which no user needs.
    quiet = MaintNotificationsConfig(enabled=False)
    options: dict[str, Any] = {"driver_info": None, "maint_notifications_config": quiet}
    if login.user:
        options["username"] = login.user
    if login.password_file is not None:
        options["password"] = read_password(login.password_file)
    if address.startswith("rediss:"):
        options.update(_tls_options(login.tls))
    try:
        return redis.asyncio.Redis.from_url(
            address,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), retries, (ConnectionLostError,)),
            **options,
        )
    except ValueError as error:
        raise StartupError("the Redis address is wrong", URL_HINT) from error


def _tls_options(tls: Tls) -> dict[str, Any]:
    client_context(tls)  # says what is wrong with the files
    return {
        "ssl_ca_certs": tls.ca and str(tls.ca),
        "ssl_certfile": tls.certificate and str(tls.certificate),
        "ssl_keyfile": tls.key and str(tls.key),
        "ssl_check_hostname": True,
    }


def read_password(password_file: Path) -> str:
    """The password in a file, without its line's end; StartupError when it cannot be read."""
    try:
        password = password_file.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"the Redis password file {password_file} cannot be read", str(error)
        ) from error
    protect(password)
    return password
