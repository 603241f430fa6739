"""Popular items of the user's categories: those of the history and those the user chose."""

from collections.abc import Sequence

from models.schema.catalog import Catalog
from models.schema.categories import Categories
from services.domain.context import preferences
from services.domain.live import Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.histories import Histories
from services.recall.tables import Tables


class Category:
    """CandidateSource: works for a new user who chose categories, before any event."""

    name = "category"

    def __init__(self, histories: Histories, catalog: Catalog, categories: Categories) -> None:
        self._histories = histories
        self._catalog = catalog
        self._categories = categories

    @staticmethod
    def open(tables: Tables) -> "Category":
        recency = tables.parameters.retrieval.category_recency
        lists = Categories.open(tables.folder, tables.schema.categories, recency)
        return Category(tables.histories, tables.catalog, lists)

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """Nothing for a user with neither events nor choices."""
        chosen = [preferences(query.context.profile) for query in queries]
        interests = self._categories.interests(self._histories.of(queries), chosen, self._catalog)
        return [
            Fetched(*self._categories.fetch(wanted, len(self._catalog), limit))
            for wanted, limit in zip(interests, limits, strict=True)
        ]
