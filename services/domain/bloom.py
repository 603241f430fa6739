"""Bloom filters over item keys (Bloom 1970), with the double hashing of Kirsch and Mitzenmacher.

A bit position is ``(h1 + i * h2) mod m`` with h1 and h2 the halves of a 64-bit mix of the key, so
that the writer (which sends positions to a Redis script) and the readers (which only test) agree.
"""

import math
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import I64, U8, U64, Bools

_FIRST_HASHES = 3  # most keys that are absent are known to be so after as many


def bit_positions(keys: U64, bits: int, hashes: int) -> I64:
    """Bit positions of each key: shape [n, hashes], each below `bits`, a power of two."""
    if bits <= 0 or bits & (bits - 1):
        raise ValueError(f"bits must be a power of two, not {bits}")
    return _positions(_mix(np.ascontiguousarray(keys, np.uint64)), bits, range(hashes)).T


def _positions(mixed: U64, bits: int, functions: range) -> I64:
    """Positions by these hash functions, [len(functions), n]."""
    low = mixed & np.uint64(0xFFFFFFFF)
    high = (mixed >> np.uint64(32)) | np.uint64(1)  # odd: every step is a generator modulo 2^k
    steps = np.array(functions, np.uint64)[:, None]
    return ((low + steps * high) & np.uint64(bits - 1)).view(np.int64)


def _mix(keys: U64) -> U64:
    """The splitmix64 finaliser (Steele et al. 2014): keys may be chosen by others, bits may not."""
    with np.errstate(over="ignore"):
        z = keys + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True, slots=True)
class BloomFilter:
    """An immutable filter: `data` holds the bits, least significant bit of each byte first."""

    data: U8
    hashes: int
    count: int

    @staticmethod
    def empty(bits: int, hashes: int) -> "BloomFilter":
        """A filter of `bits` bits (a power of two, at least 8) with nothing in it."""
        return BloomFilter(np.zeros(bits // 8, np.uint8), hashes, 0)

    @property
    def bits(self) -> int:
        return len(self.data) * 8

    def contains(self, keys: U64) -> Bools:
        """Which keys may be in the filter, shape [n]; never False for one that was added."""
        if self.count == 0:
            return np.zeros(len(keys), np.bool_)
        mixed = _mix(np.ascontiguousarray(keys, np.uint64))
        few = min(_FIRST_HASHES, self.hashes)
        found = self._all_set(mixed, range(few))
        left = np.flatnonzero(found)
        found[left] = self._all_set(mixed[left], range(few, self.hashes))
        return found

    def _all_set(self, mixed: U64, functions: range) -> Bools:
        positions = _positions(mixed, self.bits, functions)
        hits = self.data[positions >> 3] >> (positions & 7).astype(np.uint8)
        return np.asarray(np.bitwise_and.reduce(hits, axis=0) & 1, np.bool_)

    def added(self, keys: U64) -> "BloomFilter":
        """A copy with the keys added; each key counts, an already present one too."""
        data = self.data.copy()
        positions = bit_positions(keys, self.bits, self.hashes).ravel()
        np.bitwise_or.at(data, positions >> 3, (1 << (positions & 7)).astype(np.uint8))
        return BloomFilter(data, self.hashes, self.count + len(keys))

    def false_positive_rate(self) -> float:
        """The measured rate: (share of set bits) ^ hashes."""
        share = float(np.unpackbits(self.data).mean()) if self.bits else 0.0
        return math.pow(share, self.hashes)
