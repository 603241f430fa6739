"""Whether candidates fit a release. Each function raises ValueError naming the field."""

from services.domain.arrays import F32
from services.domain.candidates import Candidates


def check_fit(candidates: Candidates, item_count: int, channel_count: int) -> None:
    """Rows of the release, and one score a channel of it."""
    width = candidates.recall_scores.shape[1]
    if width != channel_count:
        raise ValueError(
            f"candidates.channel_count: {width}, the release has {channel_count} channels"
        )
    if not len(candidates):
        return
    low, high = int(candidates.rows.min()), int(candidates.rows.max())
    if low < 0:
        raise ValueError(f"candidates.rows: {low}: items outside the release are not supported yet")
    if high >= item_count:
        raise ValueError(f"candidates.rows: {high}, the release has {item_count} items")


def check_vector(vector: F32, dimension: int) -> None:
    """Empty, or of the release's dimension."""
    if len(vector) not in (0, dimension):
        raise ValueError(f"user_vector: {len(vector)} values, 0 or {dimension} expected")
