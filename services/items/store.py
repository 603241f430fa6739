"""Changes of the item table, each acknowledged once it is stored."""

import asyncio
import secrets
from collections.abc import Sequence
from enum import Enum
from importlib.resources import files

from redis.asyncio import Redis

from services.domain.ids import item_key
from services.items.record import Item, content

TABLE, STREAM, VERSION = b"items:table", b"items:stream", b"items:version"
CHUNK = 128  # items a script: Redis does nothing else meanwhile
STREAM_ENTRIES = 20_000
TOMBSTONE_DAYS = 365  # at least


class Refusal(Enum):
    """Why an item was left as it is."""

    UNKNOWN = "unknown"  # it was neither put nor hidden
    SHOWN = "shown"  # it is not hidden
    DELETED = "deleted"
    COLLISION = "collision"  # an item of another id has its key
    UNREADABLE = "unreadable"  # its record was written by another version
    KEPT = "kept"  # it is not out for long enough to be forgotten


Argument = bytes | str | int
Ends = list[Refusal | None]
"""How a change of many items ended, by item: None when it is stored."""


class ItemStore:
    """Changes items. A change is in the table, the stream and the version at once, or in none.

    Calls take any number of items and change them in their order; up to CHUNK of them are changed
    at once. All raise RedisError when Redis does not answer: then some may be changed, and to
    repeat the call does no harm.
    """

    def __init__(self, redis: Redis) -> None:
        text = (files(__package__) / "scripts" / "change.lua").read_text("utf-8")
        self._script = redis.register_script(text)

    async def put(self, items: Sequence[Item], now: int) -> Ends:
        """Adds or replaces items; one that is hidden stays hidden, a deleted one is new again."""
        return await self._change("put", now, [_arguments(i, i.expires_at) for i in items])

    async def hide(self, item_ids: Sequence[str], now: int) -> Ends:
        """Takes items out of every answer until they are shown again, put or not."""
        return await self._change("hide", now, [_named(item_id) for item_id in item_ids])

    async def show(self, item_ids: Sequence[str], now: int) -> Ends:
        """Ends `hide`."""
        return await self._change("show", now, [_named(item_id) for item_id in item_ids])

    async def expire(self, item_ids: Sequence[str], expires_at: int, now: int) -> Ends:
        """Sets when items, put or not, leave every answer, unix seconds; 0: never."""
        return await self._change("expire", now, [_named(i, expires_at) for i in item_ids])

    async def delete(self, item_ids: Sequence[str], now: int) -> Ends:
        """Takes items, put or not, out of every answer; of them only the id is kept."""
        return await self._change("delete", now, [_named(item_id) for item_id in item_ids])

    async def forget(self, item_ids: Sequence[str], before: int, now: int) -> Ends:
        """Removes what was deleted or expired by `before`: a release with them shows them again.

        Of an item that was hidden too, that is kept.
        """
        return await self._change("forget", now, [_named(i, before) for i in item_ids])

    async def _change(self, what: str, now: int, items: list[list[Argument]]) -> Ends:
        ends: Ends = []
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            arguments: list[Argument] = [what, now, secrets.randbits(62), STREAM_ENTRIES]
            arguments += [argument for item in chunk for argument in item]
            answers = await self._script([TABLE, STREAM, VERSION], arguments)
            ends += [Refusal(answer.decode()) if answer else None for answer in answers]
            await asyncio.sleep(0)
        return ends


def _arguments(item: Item, expires_at: int) -> list[Argument]:
    return [_key(item.item_id), item.item_id.encode(), expires_at, content(item)]


def _named(item_id: str, expires_at: int = 0) -> list[Argument]:
    return [_key(item_id), item_id.encode(), expires_at, b""]


def _key(item_id: str) -> bytes:
    return item_key(item_id).to_bytes(8, "little")
