"""Evidence for tests: an arm that is well, and what it does otherwise."""

import numpy as np
import numpy.typing as npt

from services.rollout.evidence import LATENCIES, Evidence

REQUESTS, USERS = 100, 200


def arm(blocks: int = 40, start: float = 0.0, **other: npt.ArrayLike) -> Evidence:
    """An arm with blocks of one second, in which all guards find something to count.

    Args:
        blocks: how many.
        start: of the first.
        other: counts that are not as usual: a number a block, or one for all blocks.
    """
    ones = np.ones(blocks)
    counts = {
        "requests": REQUESTS * ones,
        "errors": ones,
        "degraded": ones,
        "short": ones,
        "latency": spread([10, 20, 40, 20, 6, 3, 1], blocks),
        **{name: spread([10, 40, 36, 9, 3, 2], blocks) for name in LATENCIES[1:]},
        "scores": spread([200, 600, 800, 400], blocks),
        "pairs": 2000.0 * 1999 * ones,
        "same": 40_000 * ones,
        "measured": REQUESTS * ones,
        "diversity": 60 * ones,
        "compared": 10 * ones,
        "overlap": 5 * ones,
        "user_lists": np.ones((blocks, USERS)),
        "user_clicks": users(0.2, blocks),
        "user_conversions": users(0.1, blocks),
    }
    for name, value in other.items():
        given = np.asarray(value, float)
        counts[name] = given if given.ndim == 2 else np.broadcast_to(given, counts[name].shape)
    begins = start + np.arange(blocks)
    return Evidence.of(begins, begins + 1, **counts)


def spread(buckets: list[int], blocks: int = 40) -> npt.NDArray[np.float64]:
    """The same histogram in each block."""
    return np.tile(np.array(buckets, float), (blocks, 1))


def users(share: float, blocks: int = 40) -> npt.NDArray[np.float64]:
    """That share of the users does it, each in every block: what one does is all alike."""
    return np.tile(np.arange(USERS) < USERS * share, (blocks, 1)).astype(float)
