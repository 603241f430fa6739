"""What is engaged with most now, as the events service counts it."""

from collections.abc import Sequence

from services.domain.live import Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.tables import Tables


class Trending:
    """CandidateSource over the trending list of the live state; nothing when there is none."""

    name = "trending"

    @staticmethod
    def open(tables: Tables) -> "Trending":
        return Trending()

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """The first `limits[i]` of the list; views, not copies."""
        rows, scores = live.trending_rows, live.trending_scores
        return [Fetched(rows[:limit], scores[:limit]) for limit in limits]
