"""Filters by category and tag, over the release and what was put since."""

from collections.abc import Callable, Sequence

import numpy as np

from models.schema.catalog import Catalog
from services.domain.arrays import I32, Bools
from services.domain.context import RequestContext
from services.domain.live import Changed, FreshItems, Live
from services.domain.stages import RecallQuery

Names = tuple[str, ...]
REMEMBERED = 64


class LabelFilter:
    """Keeps only the items with the labels a request asks for. Remembers masks asked for before."""

    def __init__(
        self,
        name: str,
        asked: Callable[[RequestContext], Names],
        release: Callable[[Names], Bools],
        fits: Callable[[Names, FreshItems | Changed], Sequence[bool]],
    ) -> None:
        """
        Args:
            name: the reason of what is removed.
            asked: the labels of a request; none: everything passes.
            release: which rows of the release have these labels, bool [n].
            fits: which items that were put since have these labels.
        """
        self.name = name
        self._asked = asked
        self._release = release
        self._fits = fits
        self._masks: dict[Names, Bools] = {}
        self._of: tuple[FreshItems, Changed] | None = None

    def apply(self, rows: I32, query: RecallQuery, live: Live) -> Bools | None:
        mask = self.mask(query.request, live)
        return None if mask is None else mask[rows]

    def mask(self, request: RequestContext, live: Live) -> Bools | None:
        """Rows the request may have, bool [n + m], the i-th new item at -1-i; None: all."""
        names = self._asked(request)
        if not names:
            return None
        if self._of is None or self._of[0] is not live.fresh or self._of[1] is not live.changed:
            self._of = (live.fresh, live.changed)
            self._masks.clear()
        if names not in self._masks:
            if len(self._masks) == REMEMBERED:
                self._masks.clear()
            self._masks[names] = self._made(names, live)
        return self._masks[names]

    def _made(self, names: Names, live: Live) -> Bools:
        mask = self._release(names).copy()
        mask[live.changed.rows] = np.array(self._fits(names, live.changed), np.bool_)
        fresh = np.array(self._fits(names, live.fresh), np.bool_)
        return np.concatenate([mask, fresh[::-1]])


def category_filter(catalog: Catalog) -> LabelFilter:
    """At least one of the categories of the request."""

    def fits(names: Names, items: FreshItems | Changed) -> list[bool]:
        wanted = set(names)
        return [not wanted.isdisjoint(one) for one in items.categories]

    return LabelFilter("category", lambda request: request.categories, catalog.rows_in, fits)


def tag_filter(catalog: Catalog) -> LabelFilter:
    """All of the tags of the request."""

    def fits(names: Names, items: FreshItems | Changed) -> list[bool]:
        wanted = set(names)
        return [wanted.issubset(one) for one in items.tags]

    return LabelFilter("tag", lambda request: request.tags, catalog.rows_with_tags, fits)
