"""Where Redis is, and how it is greeted."""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from redis.asyncio.connection import SSLConnection, parse_url

from services.chassis.errors import StartupError
from services.chassis.redis import read_password

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis node; the password is not in its repr.

    Attributes:
        path: a Unix socket; empty: host and port.
        greeting: AUTH, if there is a password, and the choice of the database.
    """

    host: str
    port: int
    path: str
    tls: bool
    greeting: tuple[tuple[bytes | str | int, ...], ...] = field(repr=False)

    @staticmethod
    def parse(url: str, password_file: Path | None = None) -> "Address":
        """The address in a URL; a password file goes before a password in the URL.

        Raises:
            StartupError: when either cannot be read; the message does not show the URL.
        """
        try:
            parts = parse_url(url)
        except ValueError as error:
            raise StartupError(
                "the Redis address is wrong", "write redis://host:port/database"
            ) from error
        user, password = parts.get("username"), parts.get("password", "")
        if password_file is not None:
            password = read_password(password_file)
        greeting: list[tuple[bytes | str | int, ...]] = []
        if password:
            greeting.append(("AUTH", user, password) if user else ("AUTH", password))
        # Sent for database 0 too: a server that is frozen or still loading shows it here.
        greeting.append(("SELECT", int(parts.get("db", 0))))
        return Address(
            parts.get("host", "localhost"),
            parts.get("port", 6379),
            parts.get("path", ""),
            parts.get("connection_class") is SSLConnection,
            tuple(greeting),
        )

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    async def connect(self, protocol: type[P]) -> P:
        """A new connection, not greeted yet; OSError when it cannot be had."""
        loop = asyncio.get_running_loop()
        if self.path:
            return (await loop.create_unix_connection(protocol, self.path))[1]
        context = ssl.create_default_context() if self.tls else None
        return (await loop.create_connection(protocol, self.host, self.port, ssl=context))[1]
