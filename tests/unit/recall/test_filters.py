"""What may not be recommended."""

import numpy as np
import pytest

from models.schema.catalog import Catalog
from services.domain.arrays import U64
from services.domain.bloom import BloomFilter
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.ids import item_keys
from services.domain.protocols import Filter
from services.domain.stages import RecallQuery
from services.recall.filters import CategoryFilter, ExcludeFilter, SeenFilter
from services.recall.pipeline import filters
from tests.unit.recall.items import ITEMS, categories_of

ALL = np.arange(ITEMS, dtype=np.int32)


def keys(*rows: int) -> U64:
    return item_keys(str(row) for row in rows)


def query(
    history: U64 | None = None,
    seen: Seen | None = None,
    exclude: U64 | None = None,
    categories: tuple[str, ...] = (),
) -> RecallQuery:
    context = UserContext("u", known=True)
    if history is not None:
        zeros = np.zeros(len(history), np.uint32)
        acted = History(history, zeros, zeros.astype(np.uint8), zeros.astype(np.float32))
        context = UserContext("u", known=True, history=acted)
    if seen is not None:
        context = UserContext("u", known=True, history=context.history, seen=seen)
    no_keys = np.empty(0, np.uint64)
    request = RequestContext(
        0, exclude=no_keys if exclude is None else exclude, categories=categories
    )
    return RecallQuery("r", context, request, 10, 1.0)


def kept(rule: Filter, asked: RecallQuery) -> list[int]:
    return ALL[rule.apply(ALL, asked)].tolist()


def test_seen_is_what_was_acted_on_shown_lately_or_in_a_generation(catalog: Catalog) -> None:
    old = BloomFilter.empty(1 << 14, 10).added(keys(7, 8))
    asked = query(history=keys(1), seen=Seen(keys(2, 3), (old,)))
    assert kept(SeenFilter(catalog), asked) == [0, 4, 5, 6, 9, 10, 11]


def test_excluded_keys_go_and_unknown_ones_do_not_matter(catalog: Catalog) -> None:
    asked = query(exclude=np.append(keys(0, 5), np.uint64(12345)))
    assert kept(ExcludeFilter(catalog), asked) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    "wanted", [("even",), ("third",), ("even", "third"), ("rest",), ("unheard of",)]
)
def test_only_the_wanted_categories_stay(catalog: Catalog, wanted: tuple[str, ...]) -> None:
    expected = [row for row in range(ITEMS) if set(categories_of(row)) & set(wanted)]
    assert kept(CategoryFilter(catalog), query(categories=wanted)) == expected


def test_a_user_without_anything_keeps_everything(catalog: Catalog) -> None:
    for rule in filters(catalog):
        assert kept(rule, query()) == ALL.tolist()
        assert rule.apply(ALL[:0], query()).shape == (0,)


def test_the_names_are_those_the_contract_promises(catalog: Catalog) -> None:
    assert [rule.name for rule in filters(catalog)] == ["seen", "excluded", "category"]
