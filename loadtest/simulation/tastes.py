"""The people of a world: what they like, how that drifts, and what can be seen of them."""

from dataclasses import dataclass

import numpy as np

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.truth import DEVICES
from loadtest.simulation.words import TOPICS
from services.domain.arrays import F32, I64

ANONYMOUS = 0.1  # people without an id, for each with one
SEGMENTS = 8
FAVOURITES = 6
STRENGTHS = np.array([4.5, 4.0, 3.5, 3.0, 2.5, 2.0], np.float32)  # in logits, at their height
LEANING = 0.4  # standard deviation of what a person thinks of any topic, in logits
PERIODS = (60.0, 240.0)  # days of a favourite's coming and going
DEPTH = 0.6  # share of its strength that a favourite loses on the way
ACTIVITY = 0.8  # sigma of a log-normal law
REGIONS = ("north", "south", "east", "west", "islands")


@dataclass(frozen=True, slots=True)
class Tastes:
    """People by row; those without an id come last.

    g_uk(t) = leaning_uk + sum over favourites f with topic k of
              strength_f * (1 - DEPTH (1 - cos(2 pi t / period_uf + phase_uf)) / 2)

    A favourite comes and goes within months, and the order of a person's favourites with it.
    Random phases make drift without a state to carry (Shinozuka and Jan, J. Sound Vib. 1972);
    nothing that people were shown changes it.

    Attributes:
        favourites: topics, int64 [u, FAVOURITES].
        periods: days; phases: radians, float32 [u, FAVOURITES].
        leanings: float32 [u, TOPICS].
        budget: what dear means to them, float32 [u].
        activity: how often they come, mean 1 of those with an id, float32 [u].
        device: row of DEVICES, int64 [u].
        age: years; region: row of REGIONS, int64 [u]. Both go with the segment, as tastes do.
        count: people with an id; their rows come first.
    """

    favourites: I64
    periods: F32
    phases: F32
    leanings: F32
    budget: F32
    activity: F32
    device: I64
    age: I64
    region: I64
    count: int

    def __len__(self) -> int:
        return len(self.budget)

    def at(self, people: I64, days: F32) -> F32:
        """What people think of each topic at a time, logits, float32 [m, TOPICS]."""
        g = self.leanings[people].copy()
        turn = 2.0 * np.pi * days[:, None] / self.periods[people] + self.phases[people]
        strong = STRENGTHS * (1.0 - DEPTH * (1.0 - np.cos(turn)) / 2.0)
        g[np.arange(len(people))[:, None], self.favourites[people]] += strong.astype(np.float32)
        return g

    @staticmethod
    def of(config: WorldConfig) -> "Tastes":
        generator = np.random.default_rng([config.seed, 2])
        u = config.users + max(1, int(config.users * ANONYMOUS))
        segment = generator.integers(SEGMENTS, size=u)
        low, high = np.log(PERIODS)
        activity = generator.lognormal(0.0, ACTIVITY, u)
        return Tastes(
            favourites=_favourites(generator, segment),
            periods=np.exp(generator.uniform(low, high, (u, FAVOURITES))).astype(np.float32),
            phases=generator.uniform(0.0, 2.0 * np.pi, (u, FAVOURITES)).astype(np.float32),
            leanings=generator.normal(0.0, LEANING, (u, TOPICS)).astype(np.float32),
            budget=generator.standard_normal(u).astype(np.float32),
            activity=(activity / activity[: config.users].mean()).astype(np.float32),
            device=generator.choice(len(DEVICES), u, p=(0.6, 0.3, 0.1)),
            age=(16 + 6 * segment + generator.normal(0.0, 5.0, u)).clip(13, 90).astype(np.int64),
            region=_region(generator, segment),
            count=config.users,
        )


def _favourites(generator: np.random.Generator, segment: I64) -> I64:
    """Different topics of each person by the weights of the segment, heavy-tailed and its own.

    Drawn without replacement by Gumbel keys (Efraimidis and Spirakis 2006).
    """
    common = np.log(np.arange(1, TOPICS + 1) ** -0.5)
    weights = common + generator.normal(0.0, 1.2, (SEGMENTS, TOPICS))
    keys = weights[segment] + generator.gumbel(size=(len(segment), TOPICS))
    return np.argsort(-keys, axis=1)[:, :FAVOURITES]


def _region(generator: np.random.Generator, segment: I64) -> I64:
    """Most of a segment live in its region."""
    away = generator.integers(len(REGIONS), size=len(segment))
    return np.where(generator.random(len(segment)) < 0.6, segment % len(REGIONS), away)
