"""A link to Redis with a span for each round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.chassis import tracing
from services.feature_store.address import Address
from services.feature_store.connection import Command, LinkError, Reply
from services.feature_store.link import RedisLink

if TYPE_CHECKING:
    from services.chassis.tracing_spans import Tracing


def open_link(address: Address, timeout: float) -> RedisLink:
    """A link, with spans when this process is traced; see RedisLink."""
    active = tracing.active()
    return RedisLink(address, timeout) if active is None else _TracedLink(address, timeout, active)


class _TracedLink(RedisLink):
    """The span says which commands were sent, not with what: keys hold ids of users."""

    def __init__(self, address: Address, timeout: float, tracing: Tracing) -> None:
        super().__init__(address, timeout)
        self._tracing = tracing

    async def execute(self, commands: Sequence[Command], timeout: float) -> list[Reply]:
        """See RedisLink."""
        names = list(dict.fromkeys(_text(command[0]) for command in commands))
        with self._tracing.part(f"redis {' '.join(names)}", client=True) as span:
            if span is None:
                return await super().execute(commands, timeout)
            span.set_attribute("db.system.name", "redis")
            span.set_attribute("db.operation.name", names)
            span.set_attribute("db.operation.batch.size", len(commands))
            try:
                return await super().execute(commands, timeout)
            except LinkError as error:
                self._tracing.failed(span, error.failure.reason.value, error.failure.message)
                raise


def _text(word: bytes | str | int) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
