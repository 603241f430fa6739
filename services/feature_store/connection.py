"""A connection to Redis: batches go out at once, replies come back in their order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import hiredis

from services.domain.outcome import Failure, Reason

Argument: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
"""bytes, int, None, a list of them, or a hiredis.ReplyError."""


class LinkError(Exception):
    """A batch got no replies; whether Redis did what it asked is not known."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(reason, message)


class Connection(asyncio.Protocol):
    """The oldest batch gets the next reply."""

    def __init__(self) -> None:
        self.lost = False
        self._reader = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        self._batches: deque[Batch] = deque()
        self._closed = self._loop.create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        while self._batches:
            self._batches.popleft().fail()
        if not self._closed.done():
            self._closed.set_result(None)

    def send(self, commands: Sequence[Command]) -> "asyncio.Future[list[Reply]]":
        """Sends now; the future has as many replies as there are commands."""
        batch = Batch(len(commands), self._loop)
        assert self._transport is not None
        self._batches.append(batch)
        packed = [hiredis.pack_command(c) for c in commands]  # type: ignore[arg-type] # its stub
        self._transport.write(b"".join(packed))
        return batch.future

    def waited(self) -> float:
        """Seconds that the oldest batch has waited."""
        return self._loop.time() - self._batches[0].sent_at if self._batches else 0.0

    def abort(self) -> None:
        """Ends the connection at once; all batches fail."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Ends the connection and waits until it is closed."""
        self.abort()
        await self._closed

    def _take(self, reply: Reply) -> None:
        if not self._batches:
            self.abort()  # a reply nobody asked for: what follows cannot be trusted
            return
        batch = self._batches[0]
        batch.replies.append(reply)
        if len(batch.replies) == batch.size:
            self._batches.popleft().done()


class Batch:
    """Commands sent together. Its future may be cancelled: the replies come nevertheless."""

    __slots__ = ("future", "replies", "sent_at", "size")

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[list[Reply]] = loop.create_future()
        self.replies: list[Reply] = []
        self.sent_at = loop.time()
        self.size = size

    def done(self) -> None:
        if not self.future.done():
            self.future.set_result(self.replies)

    def fail(self) -> None:
        if not self.future.done():
            self.future.set_exception(LinkError(Reason.UNAVAILABLE, "the connection broke"))
