"""How an import fills the Bloom generations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feature_store.imports import generations
from services.feature_store.layout import BloomShape

SHAPE = BloomShape(bits=256, hashes=10, generations=3)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=120))
def test_the_newest_keys_are_kept_newest_generation_first(keys: list[int]) -> None:
    filled = generations(np.array(keys, np.uint64), SHAPE)
    distinct = np.array(list(dict.fromkeys(keys)), np.uint64)
    assert len(filled) == min(3, -(-len(distinct) // SHAPE.capacity))
    assert [g.number for g in filled] == list(range(len(filled), 0, -1))
    for age, generation in enumerate(filled):
        part = distinct[age * SHAPE.capacity : (age + 1) * SHAPE.capacity]
        assert generation.filter.contains(part).all()
        assert generation.set_bits == int(np.unpackbits(generation.filter.data).sum())


@pytest.mark.parametrize("bits", [2048, 16384, 65536])
def test_a_full_generation_keeps_the_design_error(bits: int) -> None:
    """Half of the bits set, 10 hashes: 2^-10, below one in a thousand."""
    shape = BloomShape(bits, 10, 2)
    keys = np.random.default_rng(2).integers(0, 2**64, shape.capacity, np.uint64)
    (generation,) = generations(keys, shape)
    assert generation.set_bits == pytest.approx(shape.full, rel=0.03)
    assert 2.0**-10 < 1e-3
    assert generation.error() == pytest.approx(2.0**-10, rel=0.3)
