"""Where Redis is, and how it is greeted."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TypeVar

from redis.asyncio.connection import SSLConnection, parse_url

from services.chassis.errors import StartupError
from services.chassis.redact import protect_url
from services.chassis.redis import NOBODY, URL_HINT, Login, read_password
from services.chassis.tls import client_context

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis node; the password is not in its repr.

    Attributes:
        path: a Unix socket; empty: host and port.
        tls: of a connection to a rediss:// address; else None.
        greeting: AUTH, if there is a password, and the choice of the database.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = field(repr=False)
    greeting: tuple[tuple[bytes | str | int, ...], ...] = field(repr=False)

    @staticmethod
    def parse(url: str, login: Login = NOBODY) -> "Address":
        """The address in a URL; user and password of the login go before those in the URL.

        Raises:
            StartupError: when URL or files cannot be read; the message does not show the URL.
        """
        try:
            parts = parse_url(url)
        except ValueError as error:
            raise StartupError("the Redis address is wrong", URL_HINT) from error
        protect_url(url)
        user, password = login.user or parts.get("username"), parts.get("password", "")
        if login.password_file is not None:
            password = read_password(login.password_file)
        greeting: list[tuple[bytes | str | int, ...]] = []
        if password:
            greeting.append(("AUTH", user, password) if user else ("AUTH", password))
        # Sent for database 0 too: a server that is frozen or still loading shows it here.
        greeting.append(("SELECT", int(parts.get("db", 0))))
        return Address(
            parts.get("host", "localhost"),
            parts.get("port", 6379),
            parts.get("path", ""),
            client_context(login.tls) if parts.get("connection_class") is SSLConnection else None,
            tuple(greeting),
        )

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    async def connect(self, protocol: type[P]) -> P:
        """A new connection, not greeted yet; OSError when it cannot be had."""
        loop = asyncio.get_running_loop()
        if self.path:
            return (await loop.create_unix_connection(protocol, self.path))[1]
        return (await loop.create_connection(protocol, self.host, self.port, ssl=self.tls))[1]
