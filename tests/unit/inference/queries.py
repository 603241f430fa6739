"""Queries for tests of the stages, and a comparison that looks into arrays."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from services.domain.bloom import BloomFilter
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.ids import item_keys

CHANNELS = 3


def same(one: Any, other: Any) -> bool:
    """Equal in type, shape and every bit."""
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        pairs = [(getattr(one, name), getattr(other, name)) for name in names]
        return type(one) is type(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def history(seed: int, length: int) -> History:
    """A history of items "0" to "99"."""
    generator = np.random.default_rng(seed)
    return History(
        item_keys(str(row) for row in generator.integers(0, 100, length)),
        np.sort(generator.integers(0, 2**31, length).astype(np.uint32))[::-1],
        generator.integers(2, 5, length).astype(np.uint8),
        generator.normal(size=length).astype(np.float32),
    )


def user(seed: int, length: int = 5) -> UserContext:
    """A user with everything."""
    bloom = BloomFilter.empty(1 << 10, 7).added(item_keys(["a", "b"]))
    return UserContext(
        f"user-{seed}",
        known=True,
        profile={"age": "30", "city": "Zürich"},
        history=history(seed, length),
        seen=Seen(item_keys(["x", "y"]), (bloom, BloomFilter.empty(64, 3))),
    )


def request(seed: int) -> RequestContext:
    """A request with everything."""
    return RequestContext(
        now=1_800_000_000 + seed,
        placement="home",
        attributes={"device": "phone"},
        exclude=item_keys(["z"]),
        categories=("drama", "war"),
    )


def candidates(seed: int, count: int, items: int = 100) -> Candidates:
    """Distinct rows with scores of CHANNELS channels."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(count, CHANNELS)).astype(np.float32)
    return Candidates(
        generator.permutation(items)[:count].astype(np.int32),
        generator.integers(1, 1 << CHANNELS, count).astype(np.uint32),
        scores,
    )
