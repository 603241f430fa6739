"""How sure a mean over users is: the bootstrap and the sign-flip test. Seeded and vectorised."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics.found import F64

ROUNDS = 2000
CELLS = 4_000_000  # of resampled users in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % percentile interval."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences, its interval, and how likely one as large is by chance."""

    interval: Interval
    p: float

    @property
    def sure(self) -> bool:
        """The interval does not hold zero."""
        return self.interval.low > 0 or self.interval.high < 0


def intervals(values: F64, rounds: int = ROUNDS, seed: int = 1) -> list[Interval]:
    """Percentile bootstrap of each column's mean: users are drawn with replacement.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. The same draws serve
    all columns.

    Args:
        values: one row a user, float64 [Q, M]; NaN is left out of its column's mean.
    """
    means = _means(values, rounds, seed)
    low, high = np.nanquantile(means, (0.025, 0.975), axis=0)
    return [
        Interval(float(a), float(b), float(c))
        for a, b, c in zip(_mean(values), low, high, strict=True)
    ]


def interval(values: F64, rounds: int = ROUNDS, seed: int = 1) -> Interval:
    """The same for one metric, values [Q]."""
    return intervals(values[:, None], rounds, seed)[0]


def paired(a: F64, b: F64, rounds: int = ROUNDS, seed: int = 1) -> Difference:
    """a - b of the same users: bootstrap interval of its mean and a two-sided sign-flip p.

    Under the null hypothesis each user's difference is as likely the other way round; p is the
    share of random flips with a mean as far from zero, the observed one counted in (Good,
    Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005).
    """
    if a.shape != b.shape:
        raise ValueError(f"pairs need the same users: {a.shape} and {b.shape}")
    change = np.asarray(a - b, np.float64)
    if not len(change):
        return Difference(Interval(0.0, 0.0, 0.0), 1.0)
    observed = abs(float(change.mean()))
    rng = np.random.default_rng(seed)
    as_far = 0
    for count in _blocks(rounds, len(change)):
        signs = rng.integers(0, 2, (count, len(change)), np.int8) * np.int8(2) - np.int8(1)
        flipped = np.abs(signs @ change) / len(change)
        as_far += int(np.count_nonzero(flipped >= observed * (1 - 1e-12)))
    return Difference(interval(change, rounds, seed), (1 + as_far) / (1 + rounds))


def _means(values: F64, rounds: int, seed: int) -> F64:
    """Means of resampled users, [rounds, M]."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    count = len(values)
    if not count:
        return np.zeros((1, values.shape[1]))
    rng = np.random.default_rng(seed)
    parts = []
    for size in _blocks(rounds, count):
        drawn = rng.integers(0, count, (size, count))
        cells = drawn + np.arange(size)[:, None] * count
        times = np.bincount(cells.ravel(), minlength=size * count).reshape(size, count)
        weights = times.astype(np.float64)
        with np.errstate(invalid="ignore"):
            parts.append((weights @ filled) / (weights @ known.astype(np.float64)))
    return np.concatenate(parts)


def _mean(values: F64) -> F64:
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _blocks(rounds: int, users: int) -> Iterator[int]:
    """Sizes of blocks of rounds that fit in memory."""
    size = max(1, CELLS // max(1, users))
    for start in range(0, rounds, size):
        yield min(size, rounds - start)
