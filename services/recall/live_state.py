"""What changes while recall serves: follows the item table and the item statistics."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from services.chassis.log import get_logger
from services.chassis.redis import RedisError, open_redis
from services.chassis.tasks import end
from services.domain.live import NOTHING_LIVE, Live
from services.inference.background import give_way, paced
from services.items.record import ItemRecord
from services.items.table import ItemTable
from services.recall import metrics
from services.recall.model import RecallModel
from services.recall.release_items import ReleaseItems
from services.recall.settings import RecallSettings
from services.recall.slots import RecallSlots
from services.statistics.snapshot import Snapshot, read_snapshot

NO_STATISTICS = Snapshot(0)
SHARE = 0.2  # of a core that renewing takes while others are served
_log = get_logger("recall")


class LiveState:
    """The live state of each loaded release; the last one stays while Redis is away."""

    def __init__(
        self,
        slots: RecallSlots,
        settings: RecallSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: unix seconds."""
        self._redis = open_redis(settings.redis_url, settings.redis_login, settings.redis_timeout)
        self._slots = slots
        self._settings = settings
        self._clock = clock
        self._touched: set[int] = set()
        self._table = ItemTable(self._redis, self._touched.update)
        self._snapshot = NO_STATISTICS
        self._due = 0.0
        self._live: dict[str, tuple[ReleaseItems, Live]] = {}
        self._broken: set[str] = set()
        self._share = 1.0
        self._away: set[str] = set()

    def of(self, release: str) -> Live:
        """What a batch of queries to a release is answered with."""
        return self._live[release][1] if release in self._live else NOTHING_LIVE

    async def refresh(self) -> None:
        """Reads what changed, and makes new live states of it."""
        before = self._snapshot
        await self._read_items()
        await self._read_statistics()
        keys, fresher = self._touched.copy(), self._snapshot is not before
        self._touched.clear()
        for release in self._slots.ids():
            if (model := self._slots.get(release)) is not None:
                await self._try_renew(release, model, keys, fresher)
        for release in self._live.keys() - set(self._slots.ids()):
            await asyncio.to_thread(_let_go, [self._live.pop(release)])
            self._broken.discard(release)
            metrics.forget(release)

    async def follow(self) -> None:
        """Refreshes for ever, and gives way to what serves."""
        self._share = SHARE
        while True:
            await asyncio.sleep(self._settings.items_interval)
            try:
                await self.refresh()
            except Exception:  # noqa: BLE001 - degrade point: the last state stays
                metrics.LIVE_ERRORS.labels("refresh").inc()
                _log.exception("the live state cannot be renewed")

    async def close(self) -> None:
        await self._redis.aclose()

    async def _try_renew(
        self, release: str, model: RecallModel, keys: set[int], fresher: bool
    ) -> None:
        """A release that fails holds up no other, and begins with the whole table the next time."""
        try:
            await self._renew(release, model, keys, fresher)
            self._broken.discard(release)
        except Exception:  # noqa: BLE001 - degrade point: its last state stays
            self._broken.add(release)
            metrics.LIVE_ERRORS.labels("release").inc()
            _log.exception("the live state of a release cannot be renewed", release=release)

    async def _renew(self, release: str, model: RecallModel, keys: set[int], fresher: bool) -> None:
        items, now = model.items, int(self._clock())
        known = self._live.get(release)
        whole = known is None or known[0] is not items or release in self._broken
        if whole or keys or fresher or items.due(now):
            changed = None if whole else keys
            live = await asyncio.to_thread(self._renewed, items, changed, now)
            self._live[release] = items, live
            metrics.observe_fresh(release, len(live.fresh), items.left_out)

    def _renewed(self, items: ReleaseItems, keys: set[int] | None, now: int) -> Live:
        """Off the event loop, which waits with the next changes. `keys`: changed; None: all."""
        table = self._table
        with paced(self._share):
            if keys is None:
                items.forget()
                items.apply(dict(_whole(table)), now)
            else:
                items.apply({key: table.get(key) for key in keys}, now)
            return items.live(self._snapshot)

    async def _read_items(self) -> None:
        try:
            await self._table.refresh()
        except RedisError as error:
            self._failed("items", error)
        else:
            self._away.discard("items")
            metrics.ITEMS_VERSION.set(self._table.version)

    async def _read_statistics(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._settings.statistics_interval
        try:
            snapshot = await read_snapshot(self._redis)
        except (RedisError, ValueError) as error:
            self._failed("statistics", error)
            return
        self._away.discard("statistics")
        snapshot = snapshot or NO_STATISTICS  # an old one expires
        if snapshot.time != self._snapshot.time:
            self._snapshot = snapshot
            metrics.STATISTICS_TIME.set(snapshot.time)

    def _failed(self, what: str, error: Exception) -> None:
        metrics.LIVE_ERRORS.labels(what).inc()
        if what not in self._away:  # once, not at every look
            _log.warning("cannot be read; the last state stays", what=what, error=str(error))
        self._away.add(what)


def _whole(table: ItemTable) -> Iterator[tuple[int, ItemRecord]]:
    for record in table.records():
        give_way()
        yield record.key, record


def _let_go(last: list[tuple[ReleaseItems, Live]]) -> None:
    """Off the event loop: many items take their time."""
    last.clear()


@asynccontextmanager
async def followed(
    slots: RecallSlots, settings: RecallSettings
) -> AsyncIterator[Callable[[str], Live]]:
    """The live state of each release, kept up; without a Redis nothing ever changes.

    Raises:
        StartupError: the Redis address is wrong.
    """
    if not settings.redis_url.get_secret_value():
        yield lambda _: NOTHING_LIVE
        return
    state = LiveState(slots, settings)
    await state.refresh()
    task = asyncio.create_task(state.follow())
    try:
        yield state.of
    finally:
        await end(task)
        await state.close()
