"""Items the user has seen: which may be shown again, and what the Bloom filters cost."""

import math

from services.domain.context import Seen
from services.domain.repeats import again

__all__ = ["NAME", "again", "expected_loss"]

NAME = "seen"


def expected_loss(kept: int, seen: Seen) -> float:
    """How many good items the Bloom filters took, by their measured false-positive rates.

    Of u items the user has not seen, a part p is taken for seen, so that u (1 - p) are kept. A
    filter with a share s of its bits set is wrong with s ^ k, for k hashes.

    Args:
        kept: items that were taken for unseen.
    """
    right = math.prod(1.0 - one.false_positive_rate() for one in seen.generations)
    return kept * (1.0 - right) / max(right, 1e-6)
