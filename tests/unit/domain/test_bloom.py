"""Laws of the Bloom filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.bloom import BloomFilter, bit_positions

any_keys = st.lists(st.integers(0, 2**64 - 1), max_size=200)
any_shape = st.tuples(st.sampled_from([64, 1024, 16384]), st.integers(1, 16))


def array(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, np.uint64)


@given(any_keys, any_shape)
def test_what_was_added_is_always_found(keys: list[int], shape: tuple[int, int]) -> None:
    bloom = BloomFilter.empty(*shape).added(array(keys))
    assert bloom.contains(array(keys)).all()


@given(any_keys, any_keys, any_shape)
def test_adding_in_parts_is_adding_at_once(
    first: list[int], second: list[int], shape: tuple[int, int]
) -> None:
    parts = BloomFilter.empty(*shape).added(array(first)).added(array(second))
    whole = BloomFilter.empty(*shape).added(array(second + first))
    assert (parts.data == whole.data).all()
    assert parts.count == whole.count


@given(any_keys)
def test_adding_leaves_the_original(keys: list[int]) -> None:
    empty = BloomFilter.empty(1024, 5)
    empty.added(array(keys))
    assert not empty.data.any()


@given(any_keys, any_shape)
def test_positions_are_within_and_a_key_alone_decides_its_own(
    keys: list[int], shape: tuple[int, int]
) -> None:
    bits, hashes = shape
    positions = bit_positions(array(keys), bits, hashes)
    assert positions.shape == (len(keys), hashes)
    assert ((positions >= 0) & (positions < bits)).all()
    for i, key in enumerate(keys):
        assert (bit_positions(array([key]), bits, hashes)[0] == positions[i]).all()


@given(st.integers(0, 2**64 - 1))
def test_the_positions_of_a_key_are_distinct(key: int) -> None:
    """The step is odd, so a key sets as many bits as there are hashes."""
    assert len(set(bit_positions(array([key]), 16384, 10)[0].tolist())) == 10


def test_an_empty_filter_contains_nothing() -> None:
    assert not BloomFilter.empty(16384, 10).contains(np.arange(1000, dtype=np.uint64)).any()


@pytest.mark.parametrize("bits", [0, -8, 12, 1000])
def test_bits_must_be_a_power_of_two(bits: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        bit_positions(array([1]), bits, 3)


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize(("bits", "hashes", "count"), [(16384, 10, 1135), (4096, 4, 700)])
def test_the_measured_error_is_near_the_theory(
    sequential: bool, bits: int, hashes: int, count: int
) -> None:
    """(1 - e^(-kn/m))^k (Bloom 1970), for hashed keys and for the worst case of counted ones."""
    keys = np.random.default_rng(5).integers(0, 2**64, count, np.uint64)
    others = np.random.default_rng(6).integers(0, 2**64, 400_000, np.uint64)
    if sequential:
        keys = np.arange(count, dtype=np.uint64)
        others = np.arange(count, count + 400_000, dtype=np.uint64)
    bloom = BloomFilter.empty(bits, hashes).added(keys)
    theory = (1 - np.exp(-hashes * count / bits)) ** hashes
    found = float(bloom.contains(others).mean())
    assert found == pytest.approx(theory, rel=0.25)
    assert bloom.false_positive_rate() == pytest.approx(theory, rel=0.25)


@given(any_keys, any_shape)
def test_positions_are_those_that_are_stored(keys: list[int], shape: tuple[int, int]) -> None:
    """By the formula, in numbers without a size: filters outlive the code that wrote them."""
    bits, hashes = shape
    for key, positions in zip(keys, bit_positions(array(keys), bits, hashes), strict=True):
        z = (key + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        z ^= z >> 31
        low, high = z % 2**32, z >> 32 | 1
        assert positions.tolist() == [(low + i * high) % bits for i in range(hashes)]
