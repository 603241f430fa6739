"""What the lists of a drive were truly worth, beside what could have been shown instead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.simulation import rivals, viewing
from loadtest.simulation.memory import Memory
from loadtest.simulation.people import expected_clicks
from loadtest.simulation.records import Answered
from loadtest.simulation.rivals import Asked
from loadtest.simulation.viewing import Viewing
from loadtest.simulation.words import CATEGORIES
from loadtest.simulation.world import ITEM, USER, World
from models.data.dataset import Dataset
from models.recall import popular
from models.training.log import Log
from services.domain.arrays import F32, I64, Bools

SUBJECTS = ("stack", "popular", "chance", "tastes", "oracle")


@dataclass(frozen=True)
class Past:
    """What the log of a world says.

    Attributes:
        order: items of the log by their clicks, newer ones counting more, as the release counts.
        acted: what each person of the log acted on, rows by person.
    """

    order: I64
    acted: Sequence[I64]

    @staticmethod
    def read(folder: Path, world: World) -> "Past":
        """Of the data set in `folder`."""
        tables = Dataset.open(folder).tables()
        order, _ = popular.ranking(popular.scores(Log.of(tables, has_clock=True)))
        numbers = tables.interactions.select(
            pl.col("user_id").str.strip_prefix(USER).cast(pl.Int64),
            pl.col("item_id").str.strip_prefix(ITEM).cast(pl.Int64),
        )
        people, rows = numbers["user_id"].to_numpy(), numbers["item_id"].to_numpy()
        ends = np.searchsorted(people, np.arange(world.tastes.count), side="right")
        return Past(order.astype(np.int64), np.split(rows, ends)[:-1])


@dataclass(frozen=True)
class Judged:
    """Every list again, in its order.

    Attributes:
        values: expected clicks of what each of SUBJECTS shows, float64 [5, lists].
        people: who, int64 [lists].
        known: who has an id, bool [lists].
        newborn: items shown that are newer than the log, int64 [lists].
        clicks, purchases, dismissals: that were drawn, int64 [lists].
    """

    values: npt.NDArray[np.float64]
    people: I64
    known: Bools
    newborn: I64
    clicks: I64
    purchases: I64
    dismissals: I64


def judge(world: World, past: Past, lists: Sequence[Answered], seed: int) -> Judged:
    """Replays the drive: each list is valued in the state that the lists before it left.

    `past.acted` and what was shown since is closed to the rivals too, as the stack closes it.
    """
    state = _State(world, past)
    generator = np.random.default_rng([seed, 13])
    values = []
    for one in lists:
        state.enter(one)
        asked = state.asked(one)
        shown = (
            one.rows,
            rivals.popular(past.order, asked),
            rivals.chance(asked, generator),
            rivals.tastes(world, asked),
            rivals.oracle(world, state.memory, asked),
        )
        value = _valued(world, state.memory, one)
        values.append([value(rows) for rows in shown])
        state.leave(one)
    return Judged(
        np.array(values, np.float64).reshape(len(lists), len(SUBJECTS)).T,
        np.array([one.person for one in lists], np.int64),
        np.array([one.known for one in lists], np.bool_),
        np.array([(one.rows >= world.items.count).sum() for one in lists], np.int64),
        *(_counted(lists, kind) for kind in ("click", "purchase", "dismiss")),
    )


def _valued(world: World, memory: Memory, one: Answered) -> Callable[[I64], float]:
    return lambda rows: expected_clicks(world, memory, one.person, one.day, rows)


class _State:
    """Who was shown what, and how tired they are."""

    def __init__(self, world: World, past: Past) -> None:
        self._world = world
        self._past = past
        self.memory = Memory(len(world.tastes), len(CATEGORIES))
        self._closed: dict[tuple[int, int], I64] = {}
        self._strangers: set[int] = set()

    def enter(self, one: Answered) -> None:
        """A session is a stranger at its first list; those of one person may overlap."""
        if not one.known and one.visit not in self._strangers:
            self._strangers.add(one.visit)
            self.memory.forget(one.person)

    def asked(self, one: Answered) -> Asked:
        items = self._world.items
        usable = items.alive(one.day)
        usable[self._closed_to(one)] = False
        return Asked(one.person, one.day, usable, len(one.rows))

    def leave(self, one: Answered) -> None:
        self._closed[_owner(one)] = np.append(self._closed_to(one), one.rows[one.rows >= 0])
        if len(one.rows):
            day = np.array([one.day], np.float32)
            shown = Viewing(np.array([one.person]), day, one.rows[None])
            viewing.remember(self._world, self.memory, shown)

    def _closed_to(self, one: Answered) -> I64:
        before = self._past.acted[one.person] if one.known else np.empty(0, np.int64)
        return self._closed.get(_owner(one), before)


def _owner(one: Answered) -> tuple[int, int]:
    """Whose history the stack keeps: a person's, or a session's."""
    return one.person, -1 if one.known else one.visit


def _counted(lists: Sequence[Answered], kind: str) -> I64:
    return np.array([sum(deed.type == kind for deed in one.deeds) for one in lists], np.int64)


def ratio(judged: Judged, subject: str, to: str, draws: int = 1000) -> F32:
    """Value of `subject` by that of `to`: the estimate and its 95 % interval, float32 [3].

    A bootstrap with the person as the unit, whose lists are not independent.
    """
    above, below = (judged.values[SUBJECTS.index(name)] for name in (subject, to))
    _, owner = np.unique(judged.people, return_inverse=True)
    sums = np.stack([np.bincount(owner, one) for one in (above, below)])
    generator = np.random.default_rng(1)
    counts = generator.multinomial(sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), draws)
    tops, bottoms = sums @ counts.T
    spread = np.quantile(tops / bottoms, (0.025, 0.975))
    return np.array([sums[0].sum() / sums[1].sum(), *spread], np.float32)
