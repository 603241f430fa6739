"""Item keys: 64-bit hashes of item ids, stable over releases, hosts and restores."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from services.domain.arrays import U64

MAX_ID_BYTES = 256


def item_key(item_id: str) -> int:
    """The key of an item: BLAKE2b-64 of its UTF-8 id, read as a little-endian unsigned integer."""
    return int.from_bytes(blake2b(item_id.encode(), digest_size=8).digest(), "little")


def item_keys(item_ids: Iterable[str]) -> U64:
    """Keys of many items, in their order."""
    return np.fromiter((item_key(i) for i in item_ids), dtype=np.uint64)
