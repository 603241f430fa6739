"""The log of a world: what the plain policy showed, and what people did."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.simulation import viewing
from loadtest.simulation.config import DAY
from loadtest.simulation.memory import Memory
from loadtest.simulation.policy import Drawn, Policy
from loadtest.simulation.viewing import Done, Viewing
from loadtest.simulation.words import CATEGORIES
from loadtest.simulation.world import World
from services.domain.arrays import F32, I64, U8, Bools

LENGTH = 10  # places of a list
BLOCK = 4_096  # people at once: bounds memory
FEWEST, MOST = 3, 12.0  # lists of a person: at least; at most so many times the mean
SECONDS_A_PLACE = 5.0  # a deed comes so long after that at the place before


@dataclass(frozen=True, slots=True)
class Entries:
    """Places of lists that showed something, in the order of people and time; e in all.

    Attributes:
        lists: number of the list, from 0, int64 [e].
        people, rows, places: int64 [e].
        days: when, float64 [e].
        propensities: that one draw of the policy gives the item, float32 [e].
        clicked, bought, dismissed: bool [e].
    """

    lists: I64
    people: I64
    rows: I64
    places: U8
    days: npt.NDArray[np.float64]
    propensities: F32
    clicked: Bools
    bought: Bools
    dismissed: Bools


def entries(world: World) -> Iterator[Entries]:
    """The log, a block of people at a time; the same each time it is asked for."""
    counts = _visit_counts(world)
    policy = Policy(world.items)
    firsts = np.cumsum(counts) - counts
    for start in range(0, len(counts), BLOCK):
        block = slice(start, start + BLOCK)
        yield _block(world, policy, start, counts[block], firsts[block])


def _visit_counts(world: World) -> I64:
    """Lists that each person with an id was shown, heavy-tailed as their activity, int64 [u]."""
    mean = world.config.visits
    activity = world.tastes.activity[: world.tastes.count]
    generator = np.random.default_rng([world.config.seed, 4])
    drawn = generator.poisson(np.minimum(activity, MOST) * mean)
    return np.maximum(drawn, FEWEST).astype(np.int64)


def _block(world: World, policy: Policy, start: int, counts: I64, firsts: I64) -> Entries:
    """The n-th lists of all people of the block at once, for n after n."""
    generator = np.random.default_rng([world.config.seed, 5, start])
    memory = Memory(start + len(counts), len(CATEGORIES))
    offsets = np.cumsum(counts) - counts
    owners = np.repeat(np.arange(len(counts)), counts)
    days = generator.uniform(0.0, world.config.days, len(owners))
    days = days[np.lexsort((days, owners))]
    rounds = []
    for n in range(int(counts.max())):
        at = np.flatnonzero(counts > n)
        now = days[offsets[at] + n].astype(np.float32)
        drawn = policy.draw(world.tastes.at(start + at, now), now, LENGTH, generator)
        shown = Viewing(start + at, now, drawn.rows)
        done = viewing.draw(viewing.chances(world, memory, shown), generator)
        viewing.remember(world, memory, shown)
        rounds.append(_exposed(firsts[at] + n, shown, drawn, done))
    return _sorted(rounds)


def _exposed(lists: I64, shown: Viewing, drawn: Drawn, done: Done) -> Entries:
    there = shown.rows >= 0
    m, length = there.shape
    places = np.broadcast_to(np.arange(length, dtype=np.uint8), (m, length))
    return Entries(
        np.repeat(lists, length).reshape(m, length)[there],
        np.repeat(shown.people, length).reshape(m, length)[there],
        shown.rows[there],
        places[there],
        np.repeat(shown.days.astype(np.float64), length).reshape(m, length)[there],
        drawn.propensities[there],
        done.clicked[there],
        done.bought[there],
        done.dismissed[there],
    )


def _sorted(rounds: list[Entries]) -> Entries:
    names = Entries.__dataclass_fields__
    columns = {name: np.concatenate([getattr(one, name) for one in rounds]) for name in names}
    order = np.lexsort((columns["places"], columns["lists"]))
    return Entries(**{name: column[order] for name, column in columns.items()})


def seconds_of(world: World, some: Entries) -> I64:
    """When the person came to each place, unix seconds, int64 [e]."""
    began = np.floor(some.days * DAY).astype(np.int64)
    return (
        world.config.time_of(0.0) + began + (SECONDS_A_PLACE * (1 + some.places)).astype(np.int64)
    )
