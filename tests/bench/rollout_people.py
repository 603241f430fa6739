"""Simulated users of an arm: how often they come, how slow their requests are, what they click."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from services.domain.arrays import I64, Bools
from services.rollout.evidence import F64

PLACES = 10  # of a list, each clicked or not
Random = np.random.Generator


@dataclass(frozen=True)
class People:
    """The users of an arm: [rollouts, users] each."""

    activity: F64  # running sum
    clicks: F64
    eager: F64
    conversions: F64
    slowness: F64
    fails: Bools
    diversity: F64

    @classmethod
    def some(cls, random: Random, shape: tuple[int, int], activity: float) -> "People":
        """Few are very active; one in five hundred has ten times the errors of the others."""
        return cls(
            np.cumsum(np.exp(random.normal(0, activity, shape)), axis=1),
            random.beta(1.0, 9.0, shape),
            np.exp(random.normal(-1.0, 1.4, shape)),
            random.beta(1.0, 24.0, shape),
            random.normal(0, 0.15, shape),
            random.random(shape) < 0.002,
            random.normal(0.6, 0.08, shape),
        )

    def of(self, rollouts: I64) -> "People":
        """The users of these rollouts alone."""
        return People(*(getattr(self, f.name)[rollouts] for f in fields(self)))

    def draw(self, random: Random, rollout: I64, users: int) -> I64:
        """Who asks: a user of the first `users` for each request of these rollouts."""
        sums = self.activity[:, :users] / self.activity[:, users - 1 : users]
        places = (sums + np.arange(len(sums))[:, None]).ravel()
        found = np.searchsorted(places, rollout + random.random(len(rollout)))
        return np.clip(found - rollout * users, 0, users - 1)


Who = tuple[I64, I64]
"""Rollout and user of each list."""


def several(random: Random, people: People, who: Who, kept: float) -> I64:
    """Binomial(10, a chance of the user's): one a list on average."""
    return random.binomial(PLACES, people.clicks[who] * kept)


def sparse(random: Random, people: People, who: Who, kept: float) -> I64:
    """One list in ten has a click, none has more."""
    return random.binomial(1, people.clicks[who] * kept)


def heavy(random: Random, people: People, who: Who, kept: float) -> I64:
    """One a list on average; most have none, and some users hundreds."""
    mood = random.gamma(0.5, 2.0, len(who[0]))
    return random.poisson(people.eager[who] * mood * kept)


CLICKS: dict[str, Callable[[Random, People, Who, float], I64]] = {
    "several": several,
    "sparse": sparse,
    "heavy": heavy,
}
"""How many clicks each list has."""
