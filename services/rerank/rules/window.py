"""At most so many items of one category in a row of neighbours."""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np

from services.domain.arrays import I32
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, moved
from services.rerank.rules.relevance import chosen_first

Codes = frozenset[int]
SEARCH_CHECKS = 25_000  # a few ms at worst; enough to try all orders of six items
CACHED_ITEMS = 65_536


class CategoryWindow:
    """Among any `size` consecutive items at most `most` share a category.

    Holds for the first k; an item that would break it gives way to the next one that fits. Where no
    order can keep the rule (or none is found in bounded time) the earliest item is taken instead.
    """

    name = "window"

    def __init__(
        self, codes_of: Callable[[int], I32], size: int, most: int, categories: int = 0
    ) -> None:
        """Looks at the first k of a list.

        Args:
            codes_of: category codes of a row, such as `Catalog.category_codes`.
            size, most: see the class.
            categories: the first so many content features of an inline item are its categories.
        """
        self._codes_of = lru_cache(CACHED_ITEMS)(lambda row: frozenset(codes_of(row).tolist()))
        self._size = size
        self._most = most
        self._categories = categories

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if self._most >= self._size:
            return slate, ()
        newer = query.inline.features[:, : self._categories] > 0
        codes = [
            self._codes_of(row) if row >= 0 else frozenset(np.flatnonzero(newer[-1 - row]).tolist())
            for row in slate.rows.tolist()
        ]
        chosen = arrange(codes, min(query.k, len(codes)), self._size, self._most)
        result = chosen_first(slate, np.array(chosen, np.int64))
        return result, moved(self.name, slate.rows, result.rows, query)


def arrange(codes: Sequence[Codes], k: int, size: int, most: int) -> list[int]:
    """Positions of k items that keep the window rule, near their order; else nearly keeps it."""
    chosen, broken = _greedy(codes, k, size, most)
    if broken and _may_exist(codes, k, size, most):
        return _search(codes, k, size, most) or chosen
    return chosen


def _full(codes: Sequence[Codes], chosen: list[int], size: int, most: int) -> set[int]:
    """Categories that the next item must not have."""
    window = Counter(c for at in chosen[max(0, len(chosen) - size + 1) :] for c in codes[at])
    return {category for category, count in window.items() if count >= most}


def _greedy(codes: Sequence[Codes], k: int, size: int, most: int) -> tuple[list[int], bool]:
    """Always the first item that fits, else the first; and whether one did not fit."""
    chosen: list[int] = []
    free = list(range(len(codes)))
    window = _Window(most)
    broken = False
    while len(chosen) < k:
        full = window.full
        fits = (at for at, p in enumerate(free) if full.isdisjoint(codes[p]))
        at = next(fits, None) if full else 0
        broken |= at is None
        chosen.append(free.pop(at or 0))
        window.enter(codes[chosen[-1]])
        if len(chosen) >= size:
            window.leave(codes[chosen[-size]])
    return chosen, broken


class _Window:
    """Counts of the last items' categories; `full`: those that the next item must not have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[int, int] = {}
        self.full: set[int] = set()

    def enter(self, codes: Codes) -> None:
        for code in codes:
            self._counts[code] = count = self._counts.get(code, 0) + 1
            if count >= self._most:
                self.full.add(code)

    def leave(self, codes: Codes) -> None:
        for code in codes:
            self._counts[code] -= 1
            if self._counts[code] < self._most:
                self.full.discard(code)


def _may_exist(codes: Sequence[Codes], k: int, size: int, most: int) -> bool:
    """False when k items cannot keep the rule in any order: such a list costs no search.

    A category fits `places` times into k items. It is too much when the items without a category
    cannot fill the other positions (as in a list filtered to one category), or when even the k
    items with the fewest categories have more of them than all categories have places.
    """
    places = k // size * most + min(k % size, most)
    counts = Counter(category for item in codes for category in item)
    fewest = sum(sorted(map(len, codes))[:k])
    return fewest <= places * len(counts) and all(
        len(codes) - count >= k - places for count in counts.values()
    )


def _search(codes: Sequence[Codes], k: int, size: int, most: int) -> list[int]:
    """The first order that keeps the rule, by backtracking; empty when none is found."""
    masks = [_mask(item) for item in codes]
    chosen: list[int] = []
    free = list(range(len(codes)))
    tried: list[set[int]] = [set()]  # by depth: items of equal categories fail alike
    checks = SEARCH_CHECKS
    while len(chosen) < k:
        checks -= len(free) + 1
        if checks < 0:
            return []
        full = _mask(_full(codes, chosen, size, most))
        failed = tried[-1]
        fits = (p for p in free if not masks[p] & full and masks[p] not in failed)
        if (found := next(fits, None)) is not None:
            free.remove(found)
            chosen.append(found)
            tried.append(set())
        elif chosen:
            tried.pop()
            last = chosen.pop()
            insort(free, last)
            tried[-1].add(masks[last])
        else:
            return []
    return chosen


def _mask(categories: Iterable[int]) -> int:
    return sum(1 << category for category in categories)
