"""The items and categories that rules name, as rows of a release."""

from collections.abc import Sequence

import numpy as np

from models.schema.catalog import Catalog
from services.chassis.log import get_logger
from services.domain.arrays import Bools
from services.domain.ids import item_key, item_keys
from services.operator_rules.rules import BoostRule, Rules, RulesError
from services.rerank.rules.boosts import Boost
from services.rerank.rules.pins import Pin


def check_items(rules: Rules, catalog: Catalog) -> None:
    """Every item that is boosted or pinned is in the release; others may be blocked ahead of it.

    Raises:
        RulesError: names the rule and its items that are not there.
    """
    named = {
        "boosts": [boost.item for boost in rules.boosts if boost.item is not None],
        "pins": list(rules.pins),
    }
    for rule, ids in named.items():
        if missing := _missing(ids, catalog):
            raise RulesError(f"{rule}: no such item in the release: {', '.join(missing)}")
    if missing := _missing(rules.blocks, catalog):
        get_logger("rules").warning("blocked items are not in the release", items=missing)


def _missing(ids: Sequence[str], catalog: Catalog) -> list[str]:
    known = catalog.rows_of(item_keys(ids)) >= 0
    return [item for item, there in zip(ids, known, strict=True) if not there]


def boosts_of(rules: Rules, catalog: Catalog, categories: Sequence[str]) -> list[Boost]:
    """The boosts with the rows they apply to; RulesError for a category without items.

    Args:
        categories: names of the categories by code.
    """
    return [
        Boost(
            _rows(boost, catalog),
            boost.multiply,
            boost.add,
            -1 if boost.category is None else categories.index(boost.category),
            boost.new is not None,
        )
        for boost in rules.boosts
    ]


def _rows(boost: BoostRule, catalog: Catalog) -> Bools:
    if boost.category is not None:
        rows = catalog.rows_in([boost.category])
        if not rows.any():
            raise RulesError(f"boosts: no item of the release is in category {boost.category}")
        return rows
    mask = np.zeros(len(catalog), np.bool_)
    if boost.item is not None:
        mask[catalog.rows_of(item_keys([boost.item]))] = True
    return mask


def pins_of(rules: Rules, catalog: Catalog) -> list[Pin]:
    """The pins with the rows of their items."""
    rows = catalog.rows_of(item_keys(rules.pins)).tolist()
    return [
        Pin(row, item_key(item), frozenset(catalog.categories(row)), position)
        for row, (item, position) in zip(rows, rules.pins.items(), strict=True)
    ]
