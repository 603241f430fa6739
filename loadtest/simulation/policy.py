"""The plain policy that filled the pages while the log was written."""

from dataclasses import dataclass

import numpy as np

from loadtest.simulation.items import Items
from loadtest.simulation.words import CATEGORIES, TOPICS
from services.domain.arrays import F32, I64, Bools

POPULAR, ANY, LIKED = 0.3, 0.2, 0.5
"""Shares of places filled by attention, uniformly, and from a category that the person may like."""

SHARPNESS = 0.7  # of what it knows of likings, by category alone
FLOAT = np.float64


@dataclass(frozen=True, slots=True)
class Drawn:
    """Lists of l places, -1 where nothing was found for a place.

    Attributes:
        rows: int64 [m, l].
        propensities: that one draw gives the item, float32 [m, l].
    """

    rows: I64
    propensities: F32


class Policy:
    """Each place is drawn by itself; what is not there or in the list already is drawn again once.

    popular: an item by its attention (`appeal`). any: each alike. liked: a category with
    probability proportional to exp(SHARPNESS * the person's best topic in it), then an item of it
    by its attention.
    """

    def __init__(self, items: Items) -> None:
        self._items = items
        count = items.count
        self._appeal = items.appeal[:count].astype(FLOAT)
        self._category = items.category[:count]
        self._order = np.argsort(self._category, kind="stable")
        self._running = np.append(0.0, np.cumsum(self._appeal[self._order]))
        sizes = np.bincount(self._category, minlength=len(CATEGORIES))
        self._ends = np.cumsum(sizes)
        self._begins = self._ends - sizes

    def draw(self, g: F32, days: F32, length: int, generator: np.random.Generator) -> Drawn:
        """Lists for m people who think `g` of topics, [m, TOPICS]."""
        likes = _category_chances(g)
        rows = self._candidates(likes, 2 * length, generator)
        usable = self._there(rows, days) & _first(rows)
        first = np.argsort(~usable, axis=1, kind="stable")[:, :length]
        rows = np.take_along_axis(rows, first, axis=1)
        propensities = self._propensities(rows, likes)
        return Drawn(np.where(np.take_along_axis(usable, first, axis=1), rows, -1), propensities)

    def _candidates(self, likes: F32, width: int, generator: np.random.Generator) -> I64:
        shape = (len(likes), width)
        kind = generator.choice(3, shape, p=(POPULAR, ANY, LIKED))
        whole = generator.random(shape) * self._running[-1]
        picks = generator.random((*shape, 1)) > np.cumsum(likes, axis=1)[:, None, :]
        category = picks.sum(axis=2).clip(0, len(CATEGORIES) - 1)
        low, high = self._running[self._begins[category]], self._running[self._ends[category]]
        inside = low + generator.random(shape) * (high - low)
        at = np.searchsorted(self._running, np.where(kind == 0, whole, inside), side="right") - 1
        by_appeal = self._order[at.clip(0, len(self._order) - 1)]
        return np.where(kind == 1, generator.integers(len(self._order), size=shape), by_appeal)

    def _there(self, rows: I64, days: F32) -> Bools:
        day = days[:, None]
        return (self._items.born[rows] <= day) & (day < self._items.dies[rows])

    def _propensities(self, rows: I64, likes: F32) -> F32:
        category = self._category[rows]
        mass = self._running[self._ends] - self._running[self._begins]
        appeal = self._appeal[rows]
        liked = np.take_along_axis(likes, category, axis=1) * appeal / mass[category]
        popular = appeal / self._running[-1]
        mixed = POPULAR * popular + ANY / len(self._order) + LIKED * liked
        return np.asarray(mixed, np.float32)


def _category_chances(g: F32) -> F32:
    """Probability of each category, float32 [m, C]."""
    best = g.reshape(len(g), TOPICS // len(CATEGORIES), len(CATEGORIES)).max(axis=1)
    weights = np.exp(SHARPNESS * best)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _first(rows: I64) -> Bools:
    """Whether each is the first of its kind in its list, bool [m, l]."""
    same = rows[:, :, None] == rows[:, None, :]
    return np.asarray(~(same & np.tri(rows.shape[1], k=-1, dtype=np.bool_)).any(axis=2))
