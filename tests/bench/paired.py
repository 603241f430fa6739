"""How much a high percentile of latency differs between two kinds of windows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
BLOCK = 1.0  # seconds: requests that wait for each other are not independent
SAMPLES = 2000


def blocks(due: Sequence[float], took: Sequence[float]) -> list[Values]:
    """The latencies of a window by the second in which they were due."""
    seconds = (np.array(due) // BLOCK).astype(np.int64)
    return [np.array(took)[seconds == second] for second in np.unique(seconds)]


def ratio(
    windows: Sequence[list[Values]], others: Sequence[list[Values]], percentile: float = 99.0
) -> tuple[float, float, float]:
    """Percentile of all in `windows` by that in `others`, and a 95 % interval of it.

    Bootstrap of blocks within each window (Efron and Tibshirani 1993, chapter 8): what a window as
    a whole has in common, such as other work on the machine, stays in it.
    """
    random = np.random.default_rng(0)

    def drawn(kind: Sequence[list[Values]]) -> float:
        picked = [
            window[i] for window in kind for i in random.integers(0, len(window), len(window))
        ]
        return float(np.percentile(np.concatenate(picked), percentile))

    def of(kind: Sequence[list[Values]]) -> float:
        return float(np.percentile(np.concatenate([v for one in kind for v in one]), percentile))

    samples = [drawn(windows) / drawn(others) for _ in range(SAMPLES)]
    low, high = np.percentile(samples, (2.5, 97.5))
    return of(windows) / of(others), float(low), float(high)
