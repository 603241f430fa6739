"""Bits of item keys, as the scripts put them into a Bloom generation."""

from typing import Final

import numpy as np

from services.domain.arrays import U64
from services.domain.bloom import bit_positions
from services.feature_store.layout import BloomShape

MAX_GROUP: Final = 64


def masks(keys: U64, shape: BloomShape) -> list[bytes]:
    """A generation's worth of bits for each group of keys; empty for no keys.

    All keys of a group go into one generation: a script begins another between groups. A group is
    small enough not to fill an empty generation.
    """
    size = max(1, min(MAX_GROUP, shape.capacity // 4))
    return [_mask(keys[start : start + size], shape) for start in range(0, len(keys), size)]


def _mask(keys: U64, shape: BloomShape) -> bytes:
    bits = np.zeros(shape.bits, np.bool_)
    bits[bit_positions(keys, shape.bits, shape.hashes)] = True
    return np.packbits(bits, bitorder="little").tobytes()
