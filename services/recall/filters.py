"""What may not be recommended now."""

from models.schema.catalog import Catalog
from services.domain.arrays import I32, Bools
from services.domain.context import among
from services.domain.inline import extended
from services.domain.live import Live
from services.domain.stages import RecallQuery


class HiddenFilter:
    """Removes what was hidden or deleted, and what has expired."""

    name = "hidden"

    def apply(self, rows: I32, query: RecallQuery, live: Live) -> Bools | None:
        if not len(live.takedowns.rows):
            return None
        return ~live.takedowns.gone(rows, query.request.now)


class ExcludeFilter:
    """Removes what the request asks not to have."""

    name = "excluded"

    def __init__(self, catalog: Catalog) -> None:
        self._keys = catalog.keys

    def apply(self, rows: I32, query: RecallQuery, live: Live) -> Bools | None:
        if not len(query.request.exclude):
            return None
        return ~among(extended(self._keys, live.fresh.keys, rows), query.request.exclude)
