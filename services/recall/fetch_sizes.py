"""How much each channel fetches for a query."""

from dataclasses import dataclass

import numpy as np

from services.domain.arrays import F32, Bools
from services.domain.stages import RecallQuery


@dataclass(frozen=True, slots=True)
class FetchSizes:
    """Enough that quotas are met after what the user may not have is taken out.

    Attributes:
        quotas: the release's, by channel, float32 [C].
        fills: channels that must be able to fill the list by themselves, bool [C].
        seen_margin: most items fetched for those the user has seen.
        filtered: at least so many when the request is limited to categories or tags.
        everything: items of the release: what channels that fill fetch then, because a category
            may begin far down the list.
    """

    quotas: F32
    fills: Bools
    seen_margin: int
    filtered: int
    everything: int

    def of(self, query: RecallQuery) -> list[int]:
        """Items to fetch, by channel: quotas grow with a limit that is more than their sum."""
        context = query.context
        gone = max(len(context.history), context.seen.count()) + len(query.request.exclude)
        scale = max(1.0, query.limit / max(float(self.quotas.sum()), 1.0))
        sizes = np.ceil(self.quotas * scale).astype(np.int64) + min(gone, self.seen_margin)
        sizes = np.where(self.fills, np.maximum(sizes, query.limit + gone), sizes)
        if query.request.categories or query.request.tags:
            sizes = np.where(self.fills, self.everything, np.maximum(sizes, self.filtered))
        return [int(size) for size in sizes]
