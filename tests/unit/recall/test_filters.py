"""What may not be recommended."""

from dataclasses import replace

import numpy as np
import pytest

from models.schema.catalog import Catalog
from services.domain.arrays import U64
from services.domain.context import RequestContext, UserContext
from services.domain.ids import item_keys
from services.domain.live import Changed, FreshItems, Live, Takedowns
from services.domain.protocols import Filter
from services.domain.stages import RecallQuery
from services.recall.filters import ExcludeFilter, HiddenFilter
from services.recall.labels import category_filter, tag_filter
from services.recall.pipeline import filters
from tests.unit.recall.items import ITEMS, categories_of, tags_of

NEW = ("a", "b", "c")  # rows -1, -2, -3
ALL = np.arange(-len(NEW), ITEMS, dtype=np.int32)
LIVE = Live(
    FreshItems(
        keys=item_keys(NEW),
        categories=(("even",), ("third", "even"), ()),
        tags=(("low", "fourth"), ("fourth",), ()),
    )
)


def keys(*ids: object) -> U64:
    return item_keys(str(one) for one in ids)


def query(
    exclude: U64 | None = None,
    categories: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    now: int = 0,
) -> RecallQuery:
    excluded = np.empty(0, np.uint64) if exclude is None else exclude
    request = RequestContext(now, exclude=excluded, categories=categories, tags=tags)
    return RecallQuery("r", UserContext("u", known=True), request, 10, 1.0)


def kept(rule: Filter, asked: RecallQuery, live: Live = LIVE) -> list[int]:
    passes = rule.apply(ALL, asked, live)
    return (ALL if passes is None else ALL[passes]).tolist()


def test_excluded_keys_go_and_unknown_ones_do_not_matter(catalog: Catalog) -> None:
    asked = query(exclude=np.append(keys(0, 5, "b"), np.uint64(12345)))
    assert kept(ExcludeFilter(catalog), asked) == [-3, -1, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("wanted", "new"),
    [
        (("even",), [-2, -1]),
        (("third",), [-2]),
        (("even", "third"), [-2, -1]),
        (("rest",), []),
        (("unheard of",), []),
    ],
)
def test_one_of_the_wanted_categories_is_enough(
    catalog: Catalog, wanted: tuple[str, ...], new: list[int]
) -> None:
    expected = [row for row in range(ITEMS) if set(categories_of(row)) & set(wanted)]
    assert kept(category_filter(catalog), query(categories=wanted)) == new + expected


@pytest.mark.parametrize(
    ("wanted", "new"),
    [(("low",), [-1]), (("fourth",), [-2, -1]), (("low", "fourth"), [-1]), (("low", "no"), [])],
)
def test_all_of_the_wanted_tags_are_needed(
    catalog: Catalog, wanted: tuple[str, ...], new: list[int]
) -> None:
    expected = [row for row in range(ITEMS) if set(tags_of(row)) >= set(wanted)]
    assert kept(tag_filter(catalog), query(tags=wanted)) == new + expected


def test_what_was_put_counts_instead_of_the_release(catalog: Catalog) -> None:
    changed = Changed(np.array([0, 1], np.int32), ((), ("even",)), (("low", "x"), ("x",)))
    live = replace(LIVE, changed=changed)
    assert kept(category_filter(catalog), query(categories=("even",)), live) == [
        *(-2, -1, 1),
        *range(2, ITEMS, 2),
    ]
    assert kept(tag_filter(catalog), query(tags=("x",)), live) == [0, 1]
    assert kept(tag_filter(catalog), query(tags=("fourth",)), live) == [-2, -1, 4, 8]


def test_a_remembered_filter_follows_what_was_put(catalog: Catalog) -> None:
    rule, asked = category_filter(catalog), query(categories=("third",))
    assert kept(rule, asked)[0] == -2
    other = replace(LIVE, fresh=replace(LIVE.fresh, categories=(("third",), (), ())))
    assert kept(rule, asked, other)[:2] == [-1, 0]
    statistics = np.ones((ITEMS + len(NEW), 6), np.float32)
    assert kept(rule, asked, replace(other, statistics=statistics))[:2] == [-1, 0]


def test_hidden_items_go_and_expired_ones_from_their_time_on() -> None:
    takedowns = Takedowns(np.array([-2, 3, 7], np.int32), np.array([0, 0, 100]))
    live = replace(LIVE, takedowns=takedowns)
    gone = {
        now: set(ALL.tolist()) - set(kept(HiddenFilter(), query(now=now), live))
        for now in (99, 100)
    }
    assert gone == {99: {-2, 3}, 100: {-2, 3, 7}}


def test_a_request_for_nothing_special_keeps_everything(catalog: Catalog) -> None:
    labels = (category_filter(catalog), tag_filter(catalog))
    for rule in filters(catalog, labels):
        assert kept(rule, query()) == ALL.tolist()


def test_the_names_are_those_the_contract_promises(catalog: Catalog) -> None:
    rules = filters(catalog, (category_filter(catalog), tag_filter(catalog)))
    assert [rule.name for rule in rules] == ["hidden", "excluded", "category", "tag"]
