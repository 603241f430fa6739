"""The body of a call by HTTP, read before the call takes a place."""

import asyncio

from starlette.types import Message, Receive

from services.gateway.http.boundary import MAX_BODY_BYTES

_DISCONNECT = "http.disconnect"


class LateError(Exception):
    """The body did not come in time."""


class GoneError(Exception):
    """The client went away before the body was there."""


async def with_body(receive: Receive, seconds: float) -> Receive:
    """Reads the body, and gives what tells the application of it.

    Of a body that is too long only so much is read that the application sees it and refuses.

    Raises:
        LateError: it was not there after `seconds`.
        GoneError: nobody waits for an answer.
    """
    try:
        async with asyncio.timeout(seconds):
            body = await _read(receive)
    except TimeoutError as error:
        raise LateError(f"it did not come in {seconds:g} s") from error
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _read(receive: Receive) -> bytes:
    chunks, size, more = [], 0, True
    while more and size <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == _DISCONNECT:
            raise GoneError
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
