"""Records of a user's hash, little-endian, versioned by their first byte.

    profile    u8 version · JSON object of strings, UTF-8
    history    u8 version · newest first: u64 key, u32 time, u8 event type, f32 value
    recent     u8 version · newest first: u64 key
    event_ids  u8 version · newest first: first 8 bytes of the BLAKE2b of the event id
    bloom.<n>  u8 version · u8 hashes · u8 log2 of bits · u8 0 · u32 set bits · u32 number · bits

A record of another version or size is a RecordError: the field's bytes are left as they are.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.domain.arrays import U64
from services.domain.bloom import BloomFilter
from services.domain.context import History

VERSION: Final = b"\x01"
HISTORY_DTYPE: Final = np.dtype(
    [("key", "<u8"), ("time", "<u4"), ("event", "u1"), ("value", "<f4")]
)
BLOOM_HEADER: Final = struct.Struct("<BBBBII")


class RecordError(ValueError):
    """A stored record cannot be read; the message names the field."""

    def __init__(self, field: str) -> None:
        super().__init__(f"field {field}: corrupt, or written by another version")
        self.field = field


@dataclass(frozen=True, slots=True)
class Generation:
    """A Bloom generation as it is stored: `number` grows by one with each new generation."""

    filter: BloomFilter
    set_bits: int
    number: int

    def error(self) -> float:
        """The measured false positive rate: (share of set bits) ^ hashes."""
        return math.pow(self.set_bits / self.filter.bits, self.filter.hashes)


def encode_profile(profile: Mapping[str, str]) -> bytes:
    """The profile as a record."""
    text = json.dumps(dict(profile), ensure_ascii=False, separators=(",", ":"))
    return VERSION + text.encode()


def decode_profile(record: bytes) -> Mapping[str, str]:
    """The profile; RecordError when it is not one."""
    try:
        profile = json.loads(_checked("profile", record, 1)[1:])
    except ValueError:
        raise RecordError("profile") from None
    if not isinstance(profile, dict) or not all(isinstance(v, str) for v in profile.values()):
        raise RecordError("profile")
    return profile


def encode_history(history: History) -> bytes:
    """The history as a record."""
    entries = np.empty(len(history), HISTORY_DTYPE)
    entries["key"], entries["time"] = history.keys, history.times
    entries["event"], entries["value"] = history.events, history.values
    return VERSION + entries.tobytes()


def decode_history(record: bytes) -> History:
    """The history; RecordError when it is not one."""
    _checked("history", record, HISTORY_DTYPE.itemsize)
    entries = np.frombuffer(record, HISTORY_DTYPE, offset=1)
    return History(
        entries["key"].copy(),
        entries["time"].copy(),
        entries["event"].copy(),
        entries["value"].copy(),
    )


def decode_recent(record: bytes) -> U64:
    """The exact list of shown items; RecordError when it is not one."""
    return np.frombuffer(_checked("recent", record, 8), "<u8", offset=1)


def encode_generation(generation: Generation) -> bytes:
    """A Bloom generation as a record."""
    bloom = generation.filter
    header = BLOOM_HEADER.pack(
        VERSION[0],
        bloom.hashes,
        bloom.bits.bit_length() - 1,
        0,
        generation.set_bits,
        generation.number,
    )
    return header + bloom.data.tobytes()


def decode_generation(field: str, record: bytes) -> Generation:
    """A Bloom generation; RecordError when it is not one.

    Its filter's `count` is estimated from the bits, -(m/k) ln(1 - X/m) (Swamidass and Baldi 2007),
    so that an item that was shown, then clicked, counts once.
    """
    if len(record) < BLOOM_HEADER.size:
        raise RecordError(field)
    version, hashes, log2_bits, _, set_bits, number = BLOOM_HEADER.unpack_from(record)
    data = np.frombuffer(record, np.uint8, offset=BLOOM_HEADER.size)
    bits = len(data) * 8
    if version != VERSION[0] or bits != 1 << log2_bits or not hashes or set_bits > bits:
        raise RecordError(field)
    count = -(bits / hashes) * math.log1p(-min(set_bits, bits - 1) / bits)
    bloom = BloomFilter(data, hashes, math.ceil(count - 0.5) if count >= 1 else set_bits and 1)
    return Generation(bloom, set_bits, number)


def _checked(field: str, record: bytes, width: int) -> bytes:
    """The record, if it has the version and whole entries of `width` bytes."""
    if record[:1] != VERSION or (len(record) - 1) % width:
        raise RecordError(field)
    return record
