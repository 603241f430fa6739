"""Whether candidates fit a release. Each function raises ValueError naming the field."""

from services.domain.arrays import F32
from services.domain.candidates import Candidates
from services.domain.inline import InlineItems
from services.domain.live import STATISTICS


def check_fit(candidates: Candidates, item_count: int, channel_count: int) -> None:
    """Rows of the release or inline ones, and one score a channel of the release."""
    width = candidates.recall_scores.shape[1]
    if width != channel_count:
        raise ValueError(
            f"candidates.channel_count: {width}, the release has {channel_count} channels"
        )
    statistics = candidates.statistics.shape[1]
    if statistics not in (0, len(STATISTICS)):
        raise ValueError(
            f"candidates.statistic_count: {statistics}, 0 or {len(STATISTICS)} expected"
        )
    if not len(candidates):
        return
    low, high = int(candidates.rows.min()), int(candidates.rows.max())
    if low < -len(candidates.inline):
        raise ValueError(f"candidates.rows: {low}, but {len(candidates.inline)} inline items")
    if high >= item_count:
        raise ValueError(f"candidates.rows: {high}, the release has {item_count} items")


def check_vector(vector: F32, dimension: int) -> None:
    """Empty, or of the release's dimension."""
    if len(vector) not in (0, dimension):
        raise ValueError(f"user_vector: {len(vector)} values, 0 or {dimension} expected")


def check_inline(
    inline: InlineItems, dimension: int, feature_count: int, name: str = "candidates.inline_items"
) -> None:
    """Inline items encoded by the release: its dimension of vectors, its content features."""
    if not len(inline):
        return
    for field, values, width in (
        ("vectors", inline.vectors, dimension),
        ("features", inline.features, feature_count),
    ):
        if values.shape[1] != width:
            raise ValueError(f"{name}.{field}: {values.shape[1]} values an item, {width} expected")
