"""How much each channel fetches for a query."""

import math
from dataclasses import dataclass

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
        quotas, fills = self.quotas.tolist(), self.fills.tolist()  # few: faster without numpy
        scale = max(1.0, query.limit / max(sum(quotas), 1.0))
        margin = min(gone, self.seen_margin)
        sizes = [math.ceil(quota * scale) + margin for quota in quotas]
        if query.request.categories or query.request.tags:
            return [
                self.everything if fill else max(size, self.filtered)
                for size, fill in zip(sizes, fills, strict=True)
            ]
        most = query.limit + gone
        return [max(size, most) if fill else size for size, fill in zip(sizes, fills, strict=True)]
