"""Items the user has seen: what may be shown again, and what Bloom filters cost."""

import numpy as np
import pytest

from services.domain.arrays import U64
from services.domain.bloom import BloomFilter
from services.domain.context import History, Seen, UserContext
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.recall.seen import again, expected_loss


def keys(*ids: object) -> U64:
    return item_keys(str(one) for one in ids)


def user(acts: list[tuple[object, EventType]], recent: list[object]) -> UserContext:
    history = History(
        keys(*(one for one, _ in acts)),
        np.arange(len(acts), 0, -1).astype(np.uint32),
        np.array([event for _, event in acts], np.uint8),
        np.zeros(len(acts), np.float32),
    )
    return UserContext("u", known=True, history=history, seen=Seen(keys(*recent)))


def test_what_was_shown_longest_ago_comes_first_and_what_was_bought_last() -> None:
    context = user(
        [
            ("clicked late", EventType.CLICK),
            ("liked", EventType.LIKE),
            ("dismissed", EventType.DISMISS),
            ("clicked early", EventType.CLICK),
            ("bought", EventType.PURCHASE),
            ("dismissed", EventType.CLICK),
        ],
        ["clicked late", "shown late", "liked", "shown early"],
    )
    order = ["bought", "dismissed", "clicked late", "shown late", "old one", "liked"]
    order += ["shown early", "clicked early", "other old one"]
    places = again(keys(*order), context)
    assert [order[place] for place in places] == [
        *("old one", "other old one"),
        *("shown early", "shown late"),
        *("clicked early", "clicked late"),
        *("bought", "liked"),
    ]


def test_an_item_counts_by_its_newest_act() -> None:
    acts: list[tuple[object, EventType]] = [(one, EventType.CLICK) for one in ("a", "b", "a")]
    order = ["a", "b"]
    assert [order[place] for place in again(keys(*order), user(acts, []))] == ["b", "a"]


def test_a_stranger_may_be_shown_everything_in_its_order() -> None:
    assert again(keys(1, 2, 3), UserContext.unknown("u")).tolist() == [0, 1, 2]
    assert again(keys(), UserContext.unknown("u")).tolist() == []


def test_the_loss_is_that_of_the_filters() -> None:
    filters = tuple(
        BloomFilter.empty(1 << 12, 4).added(np.arange(part, part + 900).astype(np.uint64))
        for part in (0, 10_000)
    )
    seen = Seen(np.empty(0, np.uint64), filters)
    unseen = np.arange(1_000_000, 1_100_000).astype(np.uint64)
    taken = int(seen.contains(unseen).sum())
    assert taken > 10_000
    assert expected_loss(len(unseen) - taken, seen) == pytest.approx(taken, rel=0.05)


def test_exact_lists_lose_nothing() -> None:
    assert expected_loss(100, Seen(keys(1, 2, 3))) == 0.0
