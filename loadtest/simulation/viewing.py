"""Lists before people's eyes: the chances of what they do, and what they did."""

from dataclasses import dataclass

import numpy as np

from loadtest.simulation import truth
from loadtest.simulation.memory import Memory
from loadtest.simulation.world import World
from services.domain.arrays import F32, I64, Bools


@dataclass(frozen=True, slots=True)
class Viewing:
    """m people, each before a list of l places, all at once.

    Attributes:
        people: who, all different, int64 [m].
        days: when, float32 [m].
        rows: items by place, int64 [m, l]; -1: nothing that is known.
    """

    people: I64
    days: F32
    rows: I64


@dataclass(frozen=True, slots=True)
class Chances:
    """Of each place, float32 [m, l].

    Attributes:
        looks: that it is looked at, whatever is there.
        relevance: r of the truth: that it is clicked once looked at; 0 where there is nothing.
        buys: that a click becomes a purchase.
    """

    looks: F32
    relevance: F32
    buys: F32

    @property
    def clicks(self) -> F32:
        """That it is clicked."""
        return self.looks * self.relevance


@dataclass(frozen=True, slots=True)
class Done:
    """What happened, bool [m, l]."""

    clicked: Bools
    bought: Bools
    dismissed: Bools


def chances(world: World, memory: Memory, viewing: Viewing) -> Chances:
    """What the truth says of the lists; nothing changes."""
    people, days, rows = viewing.people, viewing.days, viewing.rows
    there, safe = rows >= 0, np.maximum(rows, 0)
    looks = truth.looks(world.tastes.device[people], rows.shape[1])
    categories = world.items.category[safe]
    felt = np.take_along_axis(memory.looked(people, days), categories, axis=1)
    felt = felt + _before(categories, looks * there)
    g = world.tastes.at(people, days)
    tired = truth.tired(felt, memory.shown(people, rows))
    relevance = truth.sigmoid(world.logits(g, safe) - tired) * there
    dearness = world.items.price[safe] - world.tastes.budget[people][:, None]
    return Chances(looks, relevance, truth.buys(world.liking(g, safe), dearness))


def draw(chances: Chances, generator: np.random.Generator) -> Done:
    """What people do, each place by itself."""
    shape = chances.looks.shape
    looked = generator.random(shape) < chances.looks
    clicked = looked & (generator.random(shape) < chances.relevance)
    bought = clicked & (generator.random(shape) < chances.buys)
    left = looked & ~clicked & (chances.relevance > 0)
    dismissed = left & (generator.random(shape) < truth.dismisses(chances.relevance))
    return Done(clicked, bought, dismissed)


def remember(world: World, memory: Memory, viewing: Viewing) -> None:
    """The lists were shown."""
    rows = viewing.rows
    looks = truth.looks(world.tastes.device[viewing.people], rows.shape[1]) * (rows >= 0)
    categories = world.items.category[np.maximum(rows, 0)]
    memory.add(viewing.people, viewing.days, rows, looks, categories)


def _before(categories: I64, looks: F32) -> F32:
    """Looks at items of the same category at earlier places of the list, float32 [m, l]."""
    length = categories.shape[1]
    same = categories[:, :, None] == categories[:, None, :]
    earlier = np.tri(length, k=-1, dtype=np.bool_)
    return np.asarray(np.einsum("mij,mj->mi", (same & earlier).astype(np.float32), looks))
