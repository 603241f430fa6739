"""Kept HTTP/1.1 connections to one server, for greenlets.

A client of its own, since those of libraries send a GET again whenever a connection closes: a load
has to see that a server broke off.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent import socket, ssl
from gevent.lock import BoundedSemaphore
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketResponse

from services.chassis.tls import Tls, client_context

CONNECTIONS = 256  # kept open at most; HTTP/1.1 has one call at a time on each
CLOSED = (
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class BrokenOffError(Exception):
    """The server closed the connection, or wrote what is not HTTP, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status. `resent`: its call was sent a second time."""

    status: int
    body: bytes
    resent: bool


class Connections:
    """As many to the host of one URL as there are calls at once."""

    def __init__(self, url: str, tls: Tls) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._named = parts.netloc
        self._context: Any = client_context(tls) if parts.scheme == "https" else None
        self._place = (self._host, parts.port or (443 if self._context else 80))
        self._idle: list[socket.socket] = []
        self._turns = BoundedSemaphore(CONNECTIONS)

    def call(self, method: str, path: str, body: bytes, deadline: float) -> Reply:
        """Sends a call, and once more when it went to a kept connection that closes without a byte
        of an answer: as a rule the server had closed it for being idle, or for ending.

        Raises:
            TimeoutError: no answer within `deadline` seconds.
            BrokenOffError, OSError: no answer.
        """
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._named}"]
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        message = "\r\n".join((*head, "", "")).encode() + body
        with gevent.Timeout(deadline, TimeoutError), self._turns:
            try:
                return self._answered(method, message)
            except (HTTPConnectionClosed, HTTPParseError) as error:
                raise BrokenOffError from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _answered(self, method: str, message: bytes) -> Reply:
        if not self._idle:
            return self._exchanged(self._opened(), method, message)
        try:
            return self._exchanged(self._idle.pop(), method, message)
        except HTTPConnectionClosed:
            return self._exchanged(self._opened(), method, message, resent=True)

    def _opened(self) -> socket.socket:
        opened = socket.create_connection(self._place)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return opened
        try:
            return self._context.wrap_socket(opened, server_hostname=self._host)
        except BaseException:
            opened.close()
            raise

    def _exchanged(
        self, connection: socket.socket, method: str, message: bytes, resent: bool = False
    ) -> Reply:
        """HTTPConnectionClosed: closed before a byte of an answer."""
        kept = False
        try:
            try:
                connection.sendall(message)
            except CLOSED as error:
                raise HTTPConnectionClosed from error
            response = HTTPSocketResponse(connection, method=method)
            body = bytes(response.read())
            kept = not response.should_close()
            return Reply(response.status_code, body, resent)
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
