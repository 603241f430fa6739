"""Leases with fencing: one process at a time works at something, and its commits alone count.

A lease ends by itself when its holder is silent. A holder that was frozen meanwhile does not know;
therefore every taking raises an epoch, and every write compares it (Kleppmann 2017, "Designing
Data-Intensive Applications", ch. 8, fencing tokens).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from secrets import token_hex

import redis.asyncio
from redis.exceptions import ResponseError

from services.events.entry_id import EntryId


class FencedError(Exception):
    """Another process has taken the lease; nothing was written."""


class LostError(Exception):
    """An entry that was read is not in the stream any more; nothing was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease that was taken.

    Attributes:
        epoch: no other claim of this lease has it.
        position: the last entry that was done.
        count: how many were done.
    """

    epoch: int
    position: EntryId
    count: int


class Lease:
    """One lease, the state that goes with it, and the writes it guards."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        name: str,
        seconds: float,
        records: str = "",
        log: str = "",
    ) -> None:
        """`name`: key of the state; `records`: of the hash that commits write to; `log`: of the
        stream that positions are in."""
        self.name = name
        self._owner = token_hex(8)
        self._seconds = seconds
        # Scripts are told four keys; those that there are not are never touched.
        self._keys = [f"{name}:lease", name, records or name, log or name]
        self._take, self._commit, self._release, self._publish = (
            client.register_script(_text(script))
            for script in ("take", "commit", "release", "publish")
        )

    async def take(self) -> Claim | None:
        """The lease, unless another process has it. An earlier claim of this object ends."""
        answer = await self._take(keys=self._keys[:2], args=[self._owner, self._ms])
        if answer is None:
            return None
        return Claim(int(answer[0]), EntryId.parse(answer[1]), int(answer[2]))

    async def renew(self, claim: Claim, position: EntryId | None = None) -> None:
        """Keeps it. `position`: an entry that must still be in the stream.

        Raises:
            FencedError: another process has it.
            LostError: the entry is gone.
        """
        await self._guarded(self._commit, claim, "" if position is None else str(position), "")

    async def commit(
        self, claim: Claim, position: EntryId, count: int, records: Mapping[bytes, bytes]
    ) -> None:
        """Writes records, position and count together. An empty record deletes.

        Raises:
            FencedError: another process has the lease; nothing was written.
            LostError: the entry at the position is gone; nothing was written.
        """
        pairs = [part for pair in records.items() for part in pair]
        await self._guarded(self._commit, claim, str(position), count, *pairs)

    async def publish(self, claim: Claim, key: bytes, value: bytes, expiry: int) -> None:
        """Sets a key; FencedError when another process has the lease. `expiry`: seconds."""
        keys: list[str | bytes] = [*self._keys[:2], key]
        await self._guarded(self._publish, claim, value, expiry, keys=keys)

    async def release(self) -> None:
        """Gives it up at once."""
        await self._release(keys=self._keys[:1], args=[self._owner])

    @property
    def _ms(self) -> int:
        return int(self._seconds * 1000)

    async def _guarded(
        self,
        script: redis.commands.core.AsyncScript,
        claim: Claim,
        *arguments: str | bytes | int,
        keys: list[str | bytes] | None = None,
    ) -> None:
        try:
            await script(
                keys=keys or [*self._keys], args=[claim.epoch, self._owner, self._ms, *arguments]
            )
        except ResponseError as error:
            if str(error).startswith("FENCED"):
                raise FencedError(self.name) from None
            if str(error).startswith("LOST"):
                raise LostError(self.name) from None
            raise


def _text(name: str) -> str:
    return (files(__package__) / "scripts" / f"{name}.lua").read_text("utf-8")
