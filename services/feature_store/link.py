"""One pipelined connection to one Redis node, shared by all callers.

Batches of concurrent callers go out one after the other without waiting, and replies come back in
that order. Against redis-py's pool and command layer this saves three quarters of the CPU of a read
(tests/bench/feature_store.py); the protocol itself is hiredis.
"""

import asyncio
from collections.abc import Sequence

import hiredis

from services.chassis.log import get_logger
from services.domain.outcome import Reason
from services.feature_store.address import Address
from services.feature_store.connection import Command, Connection, LinkError, Reply

_READ_SECONDS = 0.01


class RedisLink:
    """Sends batches; connects when first used, and again after the connection was lost."""

    def __init__(self, address: Address, timeout: float) -> None:
        """`timeout`: seconds until a silent Redis is given up."""
        self._address = address
        self._timeout = timeout
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._trouble = ""
        self._log = get_logger("redis")

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and not self._connection.lost

    async def execute(self, commands: Sequence[Command], timeout: float) -> list[Reply]:
        """A reply for each command, in order; never retried.

        Raises:
            LinkError: TIMEOUT after `timeout` or the link's own, whichever is less; UNAVAILABLE
                when there is no connection.
        """
        try:
            async with asyncio.timeout(min(timeout, self._timeout)):
                connection = self._connection if self.up else await self._connected()
                assert connection is not None
                return await connection.send(commands)
        except TimeoutError:
            # A moment later: after a pause of this process the replies may be there, unread.
            asyncio.get_running_loop().call_later(_READ_SECONDS, self._drop_when_silent)
            raise LinkError(Reason.TIMEOUT, "Redis did not answer in time") from None
        except OSError as error:
            message = f"Redis at {self._address} cannot be reached"
            raise LinkError(Reason.UNAVAILABLE, message) from error

    async def close(self) -> None:
        """Ends the connection; batches under way fail."""
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> Connection:
        """Callers share one attempt, which goes on when one of them gives up."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    async def _open(self) -> Connection:
        async with asyncio.timeout(self._timeout):
            connection = await self._address.connect(Connection)
            try:
                replies = await connection.send(self._address.greeting)
                for reply in replies:
                    if isinstance(reply, hiredis.ReplyError):
                        raise LinkError(Reason.UNAVAILABLE, _refusal(str(reply)))
            except BaseException:
                connection.abort()
                raise
            self._connection = connection
            return connection

    def _opened(self, opening: "asyncio.Task[Connection]") -> None:
        """Logs a change, not each attempt."""
        if opening.cancelled():
            return
        error = opening.exception()
        trouble = "" if error is None else str(error) or type(error).__name__
        if trouble != self._trouble:
            self._trouble = trouble
            if error is None:
                self._log.info("redis is back", address=str(self._address))
            else:
                self._log.error("no redis", address=str(self._address), error=trouble)

    def _drop_when_silent(self) -> None:
        """A caller with little time says nothing about Redis; a batch that waits too long does."""
        if self._connection is not None and self._connection.waited() >= self._timeout * 0.9:
            self._connection.abort()


def _refusal(reply: str) -> str:
    code = reply.split(" ", 1)[0]
    if code == "NOAUTH":
        return "Redis wants a password (NOAUTH)"
    if code == "WRONGPASS" or "AUTH" in reply or "password" in reply:
        return f"Redis refused the password ({code})"
    return f"Redis refused the connection: {reply}"
