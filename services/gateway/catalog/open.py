"""The item table of a gateway: opened, followed and kept small."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from services.chassis.log import get_logger
from services.chassis.redis import RedisError, open_redis
from services.chassis.tasks import end
from services.domain.ids import item_keys
from services.gateway.release import GatewayRelease
from services.gateway.settings import GatewaySettings
from services.items.store import TOMBSTONE_DAYS, ItemStore
from services.items.table import ItemTable, follow

FOLLOW_SECONDS = 1.0
TIDY_SECONDS = 3600.0
TIDY_ITEMS = 1000  # forgotten at once
DAY_SECONDS = 86_400

Held = Callable[[], Sequence[GatewayRelease]]

_log = get_logger("catalog")


@dataclass(frozen=True, slots=True)
class Catalog:
    """What was put, and where changes go; `store` is None where there is no Redis."""

    table: ItemTable
    store: ItemStore | None

    @staticmethod
    def none() -> "Catalog":
        return Catalog(ItemTable(None), None)


async def open_catalog(settings: GatewaySettings, stack: AsyncExitStack, held: Held) -> Catalog:
    """The item table in the Redis of the settings, read once; followed until the stack ends.

    A Redis that is away is no reason not to start: the table is read when it comes.

    Args:
        settings: which Redis.
        stack: ends the following.
        held: the releases that are loaded, whose items are not forgotten.

    Raises:
        StartupError: the address of Redis cannot be read.
    """
    if not settings.redis_url.get_secret_value():
        return Catalog.none()
    redis = open_redis(settings.redis_url, settings.redis_login, settings.redis_timeout)
    stack.push_async_callback(redis.aclose)
    catalog = Catalog(ItemTable(redis), ItemStore(redis))
    try:
        await catalog.table.refresh()
    except RedisError as error:
        _log.warning("started without the item table", error=str(error))
    for work in (follow(catalog.table, FOLLOW_SECONDS), _tidy(catalog, held)):
        stack.push_async_callback(end, asyncio.create_task(work))
    return catalog


async def _tidy(catalog: Catalog, held: Held) -> None:
    """Forgets for ever what was deleted or expired TOMBSTONE_DAYS ago."""
    while True:
        try:
            await forget_old(catalog, held(), int(time.time()))
        except RedisError as error:
            _log.warning("old items are not forgotten now", error=str(error))
        await asyncio.sleep(TIDY_SECONDS)


async def forget_old(catalog: Catalog, releases: Sequence[GatewayRelease], now: int) -> int:
    """Removes records of items that left every answer TOMBSTONE_DAYS before `now`; how many.

    Those that a release has stay: it would show them again.

    Raises:
        RedisError: Redis does not answer.
    """
    if catalog.store is None:
        return 0
    before = now - TOMBSTONE_DAYS * DAY_SECONDS
    old = [record.item_id for record in catalog.table.gone(before)]
    for release in releases:
        rows = release.catalog.rows_of(item_keys(old)).tolist()
        old = [item_id for item_id, row in zip(old, rows, strict=True) if row < 0]
    ends = await catalog.store.forget(old[:TIDY_ITEMS], before, now)
    return sum(end is None for end in ends)
