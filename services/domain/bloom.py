"""Bloom filters over item keys (Bloom 1970), with the double hashing of Kirsch and Mitzenmacher.

A bit position is ``(h1 + i * h2) mod m`` with h1 and h2 the halves of a 64-bit mix of the key, so
that the writer (which sends positions to a Redis script) and the readers (which only test) agree.
"""

import math
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import I64, U8, U32, U64, Bools

_FIRST_HASHES = 2  # most keys that are absent are known to be so after as many

# As numpy scalars: converting those of Python costs more than the operation on a few hundred keys.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_HALF, _ODD = np.uint64(32), np.uint32(1)
_BYTE, _IN_BYTE, _LAST_BIT = np.uint32(3), np.uint32(7), np.uint8(1)


def bit_positions(keys: U64, bits: int, hashes: int) -> I64:
    """Bit positions of each key: shape [n, hashes], each below `bits`, a power of two."""
    if bits <= 0 or bits & (bits - 1):
        raise ValueError(f"bits must be a power of two, not {bits}")
    halves = _halves(np.ascontiguousarray(keys, np.uint64))
    return _positions(halves, bits, range(hashes)).T.astype(np.int64)


def _positions(halves: tuple[U32, U32], bits: int, functions: range) -> U32:
    """Positions by these hash functions, [len(functions), n].

    Sums that overflow are right: 2^32 is a multiple of `bits`.
    """
    low, high = halves
    steps = np.array(functions, np.uint32)[:, None]
    return (low + steps * high) & np.uint32(bits - 1)


def _halves(keys: U64) -> tuple[U32, U32]:
    """h1 and h2, of the splitmix64 finaliser (Steele et al. 2014).

    It is there because keys may be chosen by others, and bits may not.
    """
    z = keys + _INCREMENT
    z ^= z >> _SHIFTS[0]
    z *= _FACTORS[0]
    z ^= z >> _SHIFTS[1]
    z *= _FACTORS[1]
    z ^= z >> _SHIFTS[2]
    high = (z >> _HALF).astype(np.uint32)
    return z.astype(np.uint32), high | _ODD  # odd: every step is a generator modulo 2^k


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
        low, high = _halves(np.ascontiguousarray(keys, np.uint64))
        few = min(_FIRST_HASHES, self.hashes)
        found = self._all_set((low, high), range(few))
        left = found.nonzero()[0]
        found[left] = self._all_set((low.take(left), high.take(left)), range(few, self.hashes))
        return found

    def _all_set(self, halves: tuple[U32, U32], functions: range) -> Bools:
        positions = _positions(halves, self.bits, functions)
        hits = self.data.take(positions >> _BYTE) >> (positions & _IN_BYTE).astype(np.uint8)
        return np.asarray((np.bitwise_and.reduce(hits, axis=0) & _LAST_BIT).view(np.bool_))

    def added(self, keys: U64) -> "BloomFilter":
        """A copy with the keys added; each key counts, an already present one too."""
        data = self.data.copy()
        positions = bit_positions(keys, self.bits, self.hashes).ravel()
        np.bitwise_or.at(data, positions >> 3, (1 << (positions & 7)).astype(np.uint8))
        return BloomFilter(data, self.hashes, self.count + len(keys))

    def false_positive_rate(self) -> float:
        """The measured rate: (share of set bits) ^ hashes."""
        if self.count == 0:
            return 0.0
        words = self.data.view(np.uint64) if len(self.data) % 8 == 0 else self.data
        return math.pow(int(np.bitwise_count(words).sum()) / self.bits, self.hashes)
