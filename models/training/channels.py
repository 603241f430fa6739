"""The recall channels there are, and how the tables of each are fitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.recall import category, content, ease, neighbours, swing, user_cf
from models.recall.swing import SwingConfig
from models.schema import layout
from models.training.log import Log
from services.domain.arrays import F32

Arrays = dict[str, npt.NDArray[np.generic]]

CHANNELS = (
    "two_tower",
    "item_cf",
    "swing",
    "user_cf",
    "ease",
    "content",
    "category",
    "new",
    "trending",
    "popular",
)
"""All channels, in the order of bits and score columns of a release that has them all."""

LIVE = {"new": 30, "trending": 30}
"""Quotas of channels that offline data says nothing of: they are in every release."""

KEPT = {"two_tower": 20, "category": 20, "popular": 20}
"""Least quotas of channels that are needed for more than the answers they find in a log: the first
gives the user's vector to the stages after, the second answers new users by their choices, the
third fills up."""

EASE_ITEMS = 10_000  # catalogs up to this size have the channel: more take minutes, three times
EASE_L2 = 250.0
EASE_NEIGHBOURS = 200


@dataclass(frozen=True)
class Fitting:
    """What tables are fitted on.

    Attributes:
        content: content features, float32 [n, f]; the first columns are the categories.
        category_count: how many these are.
        popularity: float32 [n].
    """

    log: Log
    content: F32
    category_count: int
    popularity: F32


def _swing(on: Fitting) -> Arrays:
    rows, scores = swing.fit(on.log, SwingConfig())
    return {layout.SWING_ROWS: rows, layout.SWING_SCORES: scores}


def _user_cf(on: Fitting) -> Arrays:
    tables = user_cf.fit(on.log)
    return {
        layout.USER_CF_TAKER_OFFSETS: tables.taker_offsets,
        layout.USER_CF_TAKERS: tables.takers,
        layout.USER_CF_TAKEN_OFFSETS: tables.taken_offsets,
        layout.USER_CF_TAKEN: tables.taken,
        layout.USER_CF_WEIGHTS: tables.weights,
        layout.USER_CF_NORMS: tables.norms,
    }


def _ease(on: Fitting) -> Arrays:
    weights = ease.weights(neighbours.interactions(on.log), EASE_L2)
    rows, scores = neighbours.top_dense(weights, EASE_NEIGHBOURS)
    return {layout.EASE_ROWS: rows, layout.EASE_SCORES: scores}


def _content(on: Fitting) -> Arrays:
    rows, scores = content.fit(on.content)
    return {layout.CONTENT_ROWS: rows, layout.CONTENT_SCORES: scores}


def _category(on: Fitting) -> Arrays:
    members = on.content[:, : on.category_count] > 0
    rows, scores = category.fit(members, on.popularity)
    return {layout.CATEGORY_ROWS: rows, layout.CATEGORY_SCORES: scores}


TABLES: Mapping[str, Callable[[Fitting], Arrays]] = {
    "swing": _swing,
    "user_cf": _user_cf,
    "ease": _ease,
    "content": _content,
    "category": _category,
}
"""Channels that have tables of their own. itemCF's serve similar items too: always fitted."""


def possible(item_count: int) -> tuple[str, ...]:
    """The channels that a catalog of this size can have."""
    return tuple(c for c in CHANNELS if c != "ease" or item_count <= EASE_ITEMS)


def of(quotas: Mapping[str, int]) -> tuple[str, ...]:
    """The channels of a release with these quotas, in order."""
    return tuple(name for name in CHANNELS if quotas.get(name))
