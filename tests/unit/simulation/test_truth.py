"""What people do has the probabilities that the formulas state, written here a second time."""

import math
from collections import defaultdict

import numpy as np
from scipy import stats

from loadtest.simulation import viewing
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.log import entries
from loadtest.simulation.memory import Memory
from loadtest.simulation.viewing import Viewing
from loadtest.simulation.world import World

WORLD = World(WorldConfig(users=60, items=200, seed=5, visits=60))
NORMAL = 3.3  # standard deviations: one right test in a thousand is beyond


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


class Person:
    """The formulas of `truth`, for one person, in plain Python."""

    def __init__(self, row: int) -> None:
        self.row = row
        self.looks: dict[int, float] = defaultdict(float)
        self.since = 0.0
        self.last: list[int] = []

    def taste(self, topic: int, day: float) -> float:
        tastes = WORLD.tastes
        g = float(tastes.leanings[self.row, topic])
        for f, strength in enumerate((4.5, 4.0, 3.5, 3.0, 2.5, 2.0)):
            if tastes.favourites[self.row, f] == topic:
                turn = 2 * math.pi * day / tastes.periods[self.row, f] + tastes.phases[self.row, f]
                g += strength * (1 - 0.6 * (1 - math.cos(turn)) / 2)
        return g

    def look(self, rows: list[int], day: float) -> list[tuple[float, float, float]]:
        """(looked at, relevance, buys) of each place; the list is then remembered."""
        items, tastes = WORLD.items, WORLD.tastes
        exponent = (0.6, 0.4, 0.5)[tastes.device[self.row]]
        for category in self.looks:
            self.looks[category] *= 0.5 ** (day - self.since)
        self.since = day
        found = []
        for place, row in enumerate(rows):
            examined = (1 + place) ** -exponent
            if row < 0:
                found.append((examined, 0.0, 0.0))
                continue
            first, second = items.topics[row]
            category = int(items.category[row])
            liking = 0.8 * self.taste(first, day) + 0.2 * self.taste(second, day)
            tired = 0.25 * math.log1p(self.looks[category]) + 0.7 * self.last.count(row)
            relevance = sigmoid(-3.0 + liking + float(items.quality[row]) - tired)
            dearness = float(items.price[row] - tastes.budget[self.row])
            found.append((examined, relevance, sigmoid(-2.5 + 0.4 * liking - 0.6 * dearness)))
            self.looks[category] += examined
        self.last = ([row for row in rows if row >= 0] + self.last)[:100]
        return found


def beyond(happened: np.ndarray, expected: np.ndarray) -> float:
    """Standard deviations between the counts of independent events and their probabilities."""
    spread = math.sqrt(float((expected * (1 - expected)).sum()))
    return abs(float(happened.sum()) - float(expected.sum())) / spread


def test_clicks_and_purchases_of_the_log_have_their_probabilities() -> None:
    """By place, by how likely they are, and in all: position bias, tastes, fatigue, conversion."""
    (log,) = entries(WORLD)
    people: dict[int, Person] = {}
    chances = []
    begins = np.flatnonzero(np.diff(log.lists, prepend=-1))
    for begin, end in zip(begins, [*begins[1:], len(log.lists)], strict=True):
        person = people.setdefault(int(log.people[begin]), Person(int(log.people[begin])))
        rows = [-1] * (int(log.places[end - 1]) + 1)
        for at in range(begin, end):
            rows[log.places[at]] = int(log.rows[at])
        found = person.look(rows, float(log.days[begin]))
        chances += [found[log.places[at]] for at in range(begin, end)]
    looked, relevance, buys = np.array(chances).T
    clicks = looked * relevance
    assert len(clicks) > 30_000
    assert beyond(log.clicked, clicks) < NORMAL
    for place in range(10):
        at = log.places == place
        assert beyond(log.clicked[at], clicks[at]) < NORMAL
    for tenth in np.array_split(np.argsort(clicks), 10):
        assert beyond(log.clicked[tenth], clicks[tenth]) < NORMAL
    assert beyond(log.bought, clicks * buys) < NORMAL
    away = looked * (1 - relevance) * 0.02 * (1 - relevance)
    assert beyond(log.dismissed, away) < NORMAL


def test_clicks_of_one_list_are_binomial() -> None:
    """The whole table of a list shown ten thousand times fits its probabilities (chi-squared)."""
    generator, memory = np.random.default_rng(2), Memory(len(WORLD.tastes), 15)
    shown = Viewing(
        np.arange(40), np.full(40, 9.0, np.float32), generator.integers(180, size=(40, 10))
    )
    chances = viewing.chances(WORLD, memory, shown)
    times = 10_000
    counts = sum(viewing.draw(chances, generator).clicked.astype(int) for _ in range(times))
    p = chances.clicks
    score = (counts - times * p) ** 2 / (times * p * (1 - p))
    assert 0.001 < stats.chi2.sf(float(score.sum()), p.size) < 0.999


def test_who_saw_much_of_a_category_clicks_less_until_rested() -> None:
    memory = Memory(len(WORLD.tastes), 15)
    rows = np.flatnonzero(WORLD.items.category == 0)[:20]
    one, other = rows[None, :10], rows[None, 10:]

    def clicks(rows: np.ndarray, day: float) -> float:
        shown = Viewing(np.array([3]), np.array([day], np.float32), rows)
        return float(viewing.chances(WORLD, memory, shown).clicks.sum())

    fresh, fresh_week = clicks(other, 10.0), clicks(other, 30.0)
    viewing.remember(WORLD, memory, Viewing(np.array([3]), np.array([10.0], np.float32), one))
    assert clicks(other, 10.0) < 0.9 * fresh
    assert abs(clicks(other, 30.0) - fresh_week) < 0.01 * fresh_week
    assert clicks(one, 30.0) < 0.8 * clicks_of_strangers(one, 30.0)


def clicks_of_strangers(rows: np.ndarray, day: float) -> float:
    """Of the same person, had nothing been shown before."""
    shown = Viewing(np.array([3]), np.array([day], np.float32), rows)
    return float(viewing.chances(WORLD, Memory(len(WORLD.tastes), 15), shown).clicks.sum())
