"""The body of /stats, and how the bodies of several workers add up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from services.gateway.stats import BUCKETS, COUNTERS, FIRST_BOUND, RATIO, Stats, summary

WINDOWS = (10, 60, 300)

Summaries = dict[str, dict[str, dict[str, float]]]
"""Window in seconds → series → what people read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a row of `arrays`: counters first, then latency buckets."""

    counters: tuple[str, ...] = COUNTERS
    first_bound_seconds: float = FIRST_BOUND
    ratio: float = RATIO
    buckets: int = BUCKETS


def report(stats: Stats, release: str, worker: int) -> dict[str, Any]:
    """Summaries of the windows, and the raw arrays: window → series → integers that add up."""
    summaries: Summaries = {}
    arrays: dict[str, dict[str, list[int]]] = {}
    lengths: dict[str, float] = {}
    for seconds in WINDOWS:
        rows, length = stats.window(seconds)
        by_series = dict(zip(stats.series, rows, strict=True))
        window = str(seconds)
        lengths[window] = length
        summaries[window] = {name: summary(row, length) for name, row in by_series.items()}
        arrays[window] = {name: row.tolist() for name, row in by_series.items()}
    return {
        "worker": worker,
        "release": release,
        "uptime_seconds": stats.uptime(),
        "windows": summaries,
        "seconds": lengths,
        "layout": asdict(Layout()),
        "arrays": arrays,
    }


def merged(reports: Sequence[dict[str, Any]]) -> Summaries:
    """Summaries of several workers together, from the bodies of their /stats.

    Raises:
        ValueError: when there is none, or they were made by versions with other layouts.
    """
    if not reports:
        raise ValueError("no worker's stats to add up")
    if any(r["layout"] != reports[0]["layout"] for r in reports):
        raise ValueError("the workers count in different buckets: they are of different versions")
    result: Summaries = {}
    for window, by_series in reports[0]["arrays"].items():
        length = max(float(r["seconds"][window]) for r in reports)
        result[window] = {
            name: summary(
                np.sum([r["arrays"][window][name] for r in reports], axis=0, dtype=np.int64), length
            )
            for name in by_series
        }
    return result
