"""What is said of a metric, once, for those who count, scrape, draw and read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The types of Prometheus that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, under the name it is exported by.

    Attributes:
        name: ends in its base unit, and in `_total` when it is a counter.
        unit: of its value, or of what a histogram observes.
        meaning: one or two sentences, for the one who is on call.
        labels: their names; the values of each are few and known.
        buckets: upper bounds of a histogram, but for the last, which is infinite.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def counter(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    """What only grows; `unit` is what is counted."""
    return Metric(name, Kind.COUNTER, unit, meaning, labels)


def gauge(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    """What goes up and down."""
    return Metric(name, Kind.GAUGE, unit, meaning, labels)


def histogram(
    name: str, unit: str, meaning: str, *labels: str, buckets: Sequence[float] = ()
) -> Metric:
    """How values are distributed; buckets that are not given are those of a latency."""
    return Metric(name, Kind.HISTOGRAM, unit, meaning, labels, tuple(buckets) or LATENCY)


def decades(first: float, last: float, each: int) -> tuple[float, ...]:
    """Bounds from `first` to `last`, log-spaced, so many `each` decade, to four digits."""
    steps = round(math.log10(last / first) * each)
    return tuple(float(f"{first * 10 ** (step / each):.4g}") for step in range(steps + 1))


def doublings(first: float, last: float) -> tuple[float, ...]:
    """Bounds from `first` to `last`, each twice the one before."""
    return tuple(first * 2.0**step for step in range(round(math.log2(last / first)) + 1))


LATENCY = decades(1e-4, 10.0, each=5)
"""Renard's R5 series, 0.1 ms to 10 s; 0.1 s, the usual target, is a bound."""
