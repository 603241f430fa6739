"""What may not be recommended to this user now."""

from functools import lru_cache

import numpy as np

from models.schema.catalog import Catalog
from services.domain.arrays import I32, Bools
from services.domain.stages import RecallQuery


class SeenFilter:
    """Removes what the user acted on or was shown."""

    name = "seen"

    def __init__(self, catalog: Catalog) -> None:
        self._keys = np.asarray(catalog.keys)

    def apply(self, rows: I32, query: RecallQuery) -> Bools:
        return ~query.context.has_seen(self._keys[rows])


class ExcludeFilter:
    """Removes what the request asks not to have."""

    name = "excluded"

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def apply(self, rows: I32, query: RecallQuery) -> Bools:
        if not len(query.request.exclude):
            return np.ones(len(rows), np.bool_)
        return ~np.isin(rows, self._catalog.rows_of(query.request.exclude))


class CategoryFilter:
    """Keeps only the categories the request asks for."""

    name = "category"

    def __init__(self, catalog: Catalog) -> None:
        self._rows_in = lru_cache(maxsize=64)(catalog.rows_in)

    def apply(self, rows: I32, query: RecallQuery) -> Bools:
        if not query.request.categories:
            return np.ones(len(rows), np.bool_)
        return self._rows_in(query.request.categories)[rows]
