"""Moves the entries of one stream into one sink: none is lost, none has effect twice."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from services.chassis.redis import RedisError
from services.events.entries import Entries
from services.events.lease import Claim, FencedError, Lease
from services.events.metrics import ENTRIES
from services.events.sink import Effects, Sink
from services.events.trouble import Trouble

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """Times and sizes of a consumer.

    Attributes:
        batch: entries of one read.
        wait: seconds that a read waits for the first entry.
        pause: seconds until a lease that another process has, or a Redis that is away, is tried
            again.
        renew: seconds after which a lease is renewed.
    """

    batch: int = 1000
    wait: float = 0.5
    pause: float = 0.5
    renew: float = 1.0


class Consumer(Generic[T]):
    """Reads from the stored position; the effects of what it read and the new position are stored
    in one step, which a process without the lease cannot do.

    Whatever goes wrong, memory is forgotten and it begins again at what is stored.
    """

    def __init__(self, entries: Entries[T], sink: Sink[T], lease: Lease, pace: Pace) -> None:
        self._entries = entries
        self._sink = sink
        self._lease = lease
        self._pace = pace
        self._trouble = Trouble(lease.name)

    @property
    def name(self) -> str:
        return self._lease.name

    async def run(self) -> None:
        """Until it is cancelled; then the lease is free."""
        while True:
            try:
                await self._turn()
            except FencedError:
                self._trouble.failed("fenced", "another process has taken over")
            except Exception as error:  # noqa: BLE001 - one stream must not stop the others
                self._trouble.failed(type(error).__name__, str(error))
            await asyncio.sleep(self._pace.pause)

    async def _turn(self) -> None:
        """Holds the lease as long as it can, if it can."""
        claim = await self._lease.take()
        if claim is None:
            return
        try:
            await self._sink.open(claim.position)
            await self._consume(claim)
        except asyncio.CancelledError:
            with suppress(RedisError):
                await self._lease.release()
            raise
        finally:
            self._sink.close()

    async def _consume(self, claim: Claim) -> None:
        position, count, done = claim.position, claim.count, claim.count
        renewed = monotonic()
        while True:
            read = await self._entries.read(position, self._pace.batch, self._pace.wait)
            position, count = read.position, count + read.count
            effects = await self._sink.put(read.entries, position)
            if effects is not None and (count > done or effects.records):
                await self._commit(claim, Claim(claim.epoch, position, count), effects)
                ENTRIES.labels(self._entries.kind.name, self._sink.name).inc(count - done)
                done, renewed = count, monotonic()
            elif monotonic() - renewed > self._pace.renew:
                await self._lease.renew(claim)
                renewed = monotonic()
            self._trouble.over()

    async def _commit(self, claim: Claim, now: Claim, effects: Effects) -> None:
        if effects.finish is not None:
            await self._lease.renew(claim, now.position)  # the folder knows no fencing: ask first
            await asyncio.to_thread(effects.finish)
        await self._lease.commit(claim, now.position, now.count, effects.records)
