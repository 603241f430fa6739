"""What else could have been shown: by an oracle, by popularity, by chance; under the same rules.

Each answers the same request as the stack did, in the state that the stack's own lists left: items
that exist and that the person neither acted on nor was shown, as many as the stack showed.
"""

from dataclasses import dataclass

import numpy as np

from loadtest.simulation.memory import Memory
from loadtest.simulation.truth import CATEGORY_FATIGUE, looks
from loadtest.simulation.words import CATEGORIES
from loadtest.simulation.world import World
from services.domain.arrays import F32, I64, Bools


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        person: row of the world.
        day: when.
        open: items that may be shown, bool [n].
        length: how many are wanted.
    """

    person: int
    day: float
    open: Bools
    length: int


def oracle(world: World, memory: Memory, asked: Asked) -> I64:
    """The most likely clicked items, by everything that is true now.

    It knows tastes, qualities and fatigue, of newborn items too, and not what becomes of them
    later. Place by place it takes the item with the highest r, given the list so far. It plans no
    further than its list, and has no rule of diversity but that fatigue is true.
    """
    person, day = np.array([asked.person]), np.array([asked.day], np.float32)
    rows = np.flatnonzero(asked.open)
    logits = world.logits(world.tastes.at(person, day), rows)[0]
    categories = world.items.category[rows]
    felt = memory.looked(person, day)[0]
    heads = [_best(rows, logits, categories == c, asked.length) for c in range(len(CATEGORIES))]
    return _merged(heads, felt, looks(world.tastes.device[person], asked.length)[0])


def tastes(world: World, asked: Asked) -> I64:
    """The items that a person's tastes of now favour, by their topics alone.

    It knows tastes exactly, and neither how good items are nor what people tire of.
    """
    person, day = np.array([asked.person]), np.array([asked.day], np.float32)
    rows = np.flatnonzero(asked.open)
    liking = world.liking(world.tastes.at(person, day), rows)[0]
    return rows[np.argsort(-liking, kind="stable")[: asked.length]]


def popular(order: I64, asked: Asked) -> I64:
    """The first open items of a list for everybody, most popular first."""
    return order[asked.open[order]][: asked.length]


def chance(asked: Asked, generator: np.random.Generator) -> I64:
    """Any open items."""
    rows = np.flatnonzero(asked.open)
    return generator.choice(rows, min(asked.length, len(rows)), replace=False)


def _best(rows: I64, logits: F32, mine: Bools, length: int) -> tuple[I64, F32]:
    """The best of a category, best first."""
    at = np.flatnonzero(mine)
    if len(at) > length:
        at = at[np.argpartition(-logits[at], length)[:length]]
    at = at[np.argsort(-logits[at], kind="stable")]
    return rows[at], logits[at]


def _merged(heads: list[tuple[I64, F32]], felt: F32, looked: F32) -> I64:
    """Takes the best head of all categories, place after place, as fatigue grows."""
    felt, taken, chosen = felt.astype(np.float64), np.zeros(len(heads), np.int64), []
    tops = np.array([logits[0] if len(logits) else -np.inf for _, logits in heads])
    for look in looked:
        best = int(np.argmax(tops - CATEGORY_FATIGUE * np.log1p(felt)))
        rows, logits = heads[best]
        if taken[best] == len(rows):
            break  # nothing is left anywhere
        chosen.append(int(rows[taken[best]]))
        felt[best] += look
        taken[best] += 1
        tops[best] = logits[taken[best]] if taken[best] < len(rows) else -np.inf
    return np.array(chosen, np.int64)
