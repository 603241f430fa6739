"""An item as its owner put it and whether it may be shown; and how that is stored.

A record is a header (format version, flags, born, put_at, expires_at, length of the id), the id,
and what was put as JSON. The JSON is empty for an item that nobody put: one that was only hidden or
given a time, or was deleted. The header is read and written by scripts/change.lua too.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.domain.ids import item_key

FORMAT = 1
HIDDEN, DELETED = 1, 2
HEADER = struct.Struct("<BBqqqH")


class RecordError(ValueError):
    """Bytes that are not a record of this format."""


@dataclass(frozen=True, slots=True)
class Item:
    """What the owner of a catalog says of an item.

    Attributes:
        item_id: 1 to 256 bytes.
        title: for people; empty: the id stands for it.
        categories, tags: names.
        attributes: name → value, as in the training data.
        text: a description, read as words.
        expires_at: from then on it is in no answer, unix seconds; 0: never.
    """

    item_id: str
    title: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    expires_at: int = 0

    @property
    def key(self) -> int:
        """The 64-bit key of the item."""
        return item_key(self.item_id)


@dataclass(frozen=True, slots=True)
class ItemRecord(Item):
    """An item of the table. Times are unix seconds.

    Attributes:
        born: when it was first put; 0: nobody has put it.
        put_at: when it was last put; 0: nobody has put it, or it was deleted.
        hidden: taken out of every answer until it is shown again.
        deleted: taken out of every answer; `expires_at` is when that was.
    """

    born: int = 0
    put_at: int = 0
    hidden: bool = False
    deleted: bool = False

    def shown(self, now: float) -> bool:
        """Whether it may be in an answer."""
        return not self.hidden and not self.deleted and not self.expired(now)

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return 0 < self.expires_at <= now


def content(item: Item) -> bytes:
    """What was put, without id and expiry, as JSON."""
    fields = {
        "title": item.title,
        "categories": item.categories,
        "tags": item.tags,
        "attributes": dict(item.attributes),
        "text": item.text,
    }
    given = {name: value for name, value in fields.items() if value}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()


def encode(record: ItemRecord) -> bytes:
    """The bytes of a record."""
    item_id = record.item_id.encode()
    flags = HIDDEN * record.hidden | DELETED * record.deleted
    times = (record.born, record.put_at, record.expires_at)
    header = HEADER.pack(FORMAT, flags, *times, len(item_id))
    return header + item_id + (content(record) if record.put_at else b"")


def decode(data: bytes) -> ItemRecord:
    """The record of these bytes.

    Raises:
        RecordError: they are of another format, or damaged.
    """
    try:
        version, flags, born, put_at, expires_at, length = HEADER.unpack_from(data)
        if version != FORMAT:
            raise RecordError(f"a record of format {version}, not {FORMAT}")
        end = HEADER.size + length
        given = json.loads(data[end:] or b"{}")
        return ItemRecord(
            item_id=data[HEADER.size : end].decode(),
            title=given.get("title", ""),
            categories=tuple(given.get("categories", ())),
            tags=tuple(given.get("tags", ())),
            attributes=given.get("attributes", {}),
            text=given.get("text", ""),
            expires_at=expires_at,
            born=born,
            put_at=put_at,
            hidden=bool(flags & HIDDEN),
            deleted=bool(flags & DELETED),
        )
    except (struct.error, ValueError, AttributeError, TypeError) as error:
        raise RecordError(f"a damaged record: {error}") from error


def shown_until(data: bytes) -> int | None:
    """When the item of a record leaves every answer, unix seconds.

    0: it is out already, by hand, or because nobody knows what the record says; None: never.
    """
    if len(data) < HEADER.size or data[0] != FORMAT or data[1] & (HIDDEN | DELETED):
        return 0
    expires_at: int = HEADER.unpack_from(data)[4]
    return expires_at or None
