"""People who come, ask, look and do: one at a time, for those who drive a running stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from loadtest.simulation import viewing
from loadtest.simulation.config import DAY
from loadtest.simulation.memory import Memory
from loadtest.simulation.truth import DEVICES
from loadtest.simulation.viewing import Viewing
from loadtest.simulation.words import CATEGORIES
from loadtest.simulation.world import SESSION, World, user_id_of
from services.domain.arrays import I64

SPEED = 3_600.0  # seconds of the world in one of ours
STAYS = 0.5  # probability to ask for one more list
MOST_PAGES = 5
SHORTEST_LOOK, LOOK = 0.5, 1.5  # seconds before the next list: at least, and more on average

DeedType = Literal["impression", "click", "purchase", "dismiss"]


@dataclass(frozen=True, slots=True)
class Visit:
    """Someone comes.

    Attributes:
        number: of the visit, from 0.
        person: row of the world.
        user_id: empty for someone without an id, who has a session.
        context: circumstances of their requests.
        pages: lists they ask for.
        thinks: seconds from one list to the next, [pages - 1].
    """

    number: int
    person: int
    user_id: str
    session_id: str
    context: Mapping[str, str]
    pages: int
    thinks: Sequence[float]
    generator: np.random.Generator = field(repr=False, compare=False)
    placement: str = "home"


@dataclass(frozen=True, slots=True)
class Deed:
    """What someone did with an item."""

    item_id: str
    type: DeedType
    value: float = 0.0


class People:
    """The people of a world after its log, rested. The same seed and calls, the same people.

    A visit draws from a generator of its own, so that what is drawn does not depend on which of
    several visits goes on first.
    """

    def __init__(self, world: World, seed: int = 1, speed: float = SPEED) -> None:
        self.world = world
        self.memory = Memory(len(world.tastes), len(CATEGORIES))
        self._seed = seed
        self._speed = speed
        self._visits = 0
        self._strangers: set[int] = set()
        activity = world.tastes.activity.astype(np.float64)
        self._cumulative = np.cumsum(activity) / activity.sum()

    def day_after(self, seconds: float) -> float:
        """The day of the world so many of our seconds after its log ended."""
        return self.world.config.days + seconds * self._speed / DAY

    def next_visit(self) -> Visit:
        """Who comes next; those who came often come more often. A session is a new stranger."""
        number = self._visits
        self._visits += 1
        generator = np.random.default_rng([self._seed, 11, number])
        person = int(np.searchsorted(self._cumulative, generator.random()))
        known = person < self.world.tastes.count
        pages = min(int(generator.geometric(1.0 - STAYS)), MOST_PAGES)
        return Visit(
            number,
            person,
            user_id_of(person) if known else "",
            "" if known else f"{SESSION}{self._seed}-{number:07}",
            {"device": DEVICES[self.world.tastes.device[person]]},
            pages,
            (SHORTEST_LOOK + generator.exponential(LOOK, pages - 1)).tolist(),
            generator,
        )

    def value(self, visit: Visit, item_ids: Sequence[str], day: float) -> float:
        """Expected clicks of a list, were it shown; nothing changes."""
        rows = self.world.item_rows(list(item_ids))
        return expected_clicks(self.world, self.memory, visit.person, day, rows)

    def react(self, visit: Visit, item_ids: Sequence[str], day: float) -> list[Deed]:
        """What the person does with a list: an impression of each item, then clicks and more."""
        if not visit.user_id and visit.number not in self._strangers:
            self._strangers.add(visit.number)  # at the first look, as a judge sees it
            self.memory.forget(visit.person)
        rows = self.world.item_rows(list(item_ids))
        before = _viewing(visit.person, day, rows)
        chances = viewing.chances(self.world, self.memory, before)
        done = viewing.draw(chances, visit.generator)
        viewing.remember(self.world, self.memory, before)
        deeds = [Deed(item_id, "impression") for item_id in item_ids]
        kinds: tuple[tuple[DeedType, I64], ...] = (
            ("click", np.flatnonzero(done.clicked)),
            ("purchase", np.flatnonzero(done.bought)),
            ("dismiss", np.flatnonzero(done.dismissed)),
        )
        return deeds + [Deed(item_ids[at], kind) for kind, places in kinds for at in places]


def expected_clicks(world: World, memory: Memory, person: int, day: float, rows: I64) -> float:
    """The true value of a list: sum of P(click) over its places."""
    if not len(rows):
        return 0.0
    return float(viewing.chances(world, memory, _viewing(person, day, rows)).clicks.sum())


def _viewing(person: int, day: float, rows: I64) -> Viewing:
    return Viewing(np.array([person]), np.array([day], np.float32), rows[None])
