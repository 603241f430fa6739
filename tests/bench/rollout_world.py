"""Simulated evidence of a rollout: users who differ, bursts that hit an arm or both."""

from dataclasses import dataclass

import numpy as np

from services.domain.arrays import I64, Bools
from services.rollout.evidence import F64, Evidence

GROUPS = 128  # units of the tests of users
ITEMS, LISTED = 1000, 10
LATENCY_BUCKETS, SCORE_BUCKETS = 160, 32
LENGTHS = (0.6, 0.25, 0.15)  # of bursts: one block, two, three
Random = np.random.Generator


@dataclass(frozen=True)
class World:
    """What all arms have in common.

    Attributes:
        users: of an arm in the last step, half of all.
        bursts: chance that one begins in a block, in an arm; and as often in both.
        scale: of the traffic.
    """

    users: int = 4000
    bursts: float = 1 / 40
    scale: float = 1.0


@dataclass(frozen=True)
class Fault:
    """What a canary does worse; as it stands, nothing.

    Attributes:
        errors: share of requests that fail, more than else.
        slower: latency, times.
        degraded: share of answers, more than else.
        short: share of lists, more than else.
        clicks: share of the clicks and conversions that is lost.
        conversions: share of the conversions that is lost.
        scores: shift of the scores, in their standard deviations.
        coverage: share of positions that go to the ten most popular items.
        diversity: share of the diversity that is lost.
    """

    errors: float = 0.0
    slower: float = 1.0
    degraded: float = 0.0
    short: float = 0.0
    clicks: float = 0.0
    conversions: float = 0.0
    scores: float = 0.0
    coverage: float = 0.0
    diversity: float = 0.0


FAULTS: dict[str, tuple[float, ...]] = {
    "errors": (0.005, 0.01, 0.02, 0.05),
    "slower": (1.1, 1.2, 1.35, 1.5),
    "degraded": (0.02, 0.05),
    "short": (0.01, 0.02, 0.05),
    "clicks": (0.1, 0.2, 0.3, 0.4, 0.5),
    "conversions": (0.3, 0.5, 0.8),
    "scores": (0.5, 0.75, 1.0),
    "coverage": (0.03, 0.06, 0.1),
    "diversity": (0.12, 0.15, 0.2),
}
"""Sizes of each, smallest first."""


@dataclass(frozen=True)
class Burst:
    """Something goes wrong for a while: [rollouts, blocks] each."""

    slower: F64
    errors: F64
    degraded: F64

    @classmethod
    def some(cls, random: Random, shape: tuple[int, int], chance: float) -> "Burst":
        """Bursts of one to three blocks; a third with errors, half with degraded answers."""
        begins = random.random(shape) < chance
        lengths = random.choice(len(LENGTHS), shape, p=LENGTHS)
        kind, size = random.random(shape), random.random(shape)
        strength = np.zeros((2, *shape))
        for later in range(len(LENGTHS)):
            now = np.s_[:, later:]
            before = np.s_[:, : shape[1] - later]
            on = begins[before] & (lengths[before] >= later)
            strength[0][now] = np.where(on, size[before], strength[0][now])
            strength[1][now] = np.where(on, kind[before], strength[1][now])
        size, kind = strength
        on = size > 0
        return cls(1 + 4 * size, 0.3 * size * (kind < 1 / 3) * on, 0.5 * size * (kind < 0.5) * on)


@dataclass(frozen=True)
class People:
    """The users of an arm: [rollouts, users] each."""

    activity: F64  # running sum
    clicks: F64
    conversions: F64
    slowness: F64
    fails: Bools
    diversity: F64

    @classmethod
    def some(cls, random: Random, shape: tuple[int, int]) -> "People":
        """Few are very active; one in five hundred has ten times the errors of the others."""
        return cls(
            np.cumsum(np.exp(random.normal(0, 1, shape)), axis=1),
            random.beta(1.0, 9.0, shape),
            random.beta(1.0, 24.0, shape),
            random.normal(0, 0.15, shape),
            random.random(shape) < 0.002,
            random.normal(0.6, 0.08, shape),
        )

    def draw(self, random: Random, rollout: I64, users: int) -> I64:
        """Who asks: a user of the first `users` for each request of these rollouts."""
        sums = self.activity[:, :users] / self.activity[:, users - 1 : users]
        places = (sums + np.arange(len(sums))[:, None]).ravel()
        found = np.searchsorted(places, rollout + random.random(len(rollout)))
        return np.clip(found - rollout * users, 0, users - 1)


@dataclass(frozen=True)
class Step:
    """How one step is simulated.

    Attributes:
        rate: mean requests of an arm in a block.
        users: of an arm.
        bursts: chance that one begins in a block, in one arm alone.
    """

    rate: float
    users: int
    bursts: float


def arm(
    random: Random, step: Step, people: People, traffic: F64, both: Burst, fault: Fault
) -> Evidence:
    """One arm's evidence of a step of many rollouts; `traffic` and `both` hit both arms."""
    shape = traffic.shape
    alone = Burst.some(random, shape, step.bursts)
    asked = random.poisson(step.rate * traffic)
    cell = np.repeat(np.arange(asked.size), asked.ravel())
    rollout = cell // shape[1]
    user = people.draw(random, rollout, step.users)
    who = (rollout, user)

    def happens(chance: F64 | float) -> Bools:
        return np.asarray(random.random(len(cell)) < chance)

    def counted(weights: F64 | Bools | None = None) -> F64:
        return np.bincount(cell, weights, asked.size).reshape(shape).astype(float)

    def by(places: I64, width: int, weights: F64 | Bools | None = None) -> F64:
        sums = np.bincount(cell * width + places, weights, asked.size * width)
        return sums.reshape(*shape, width).astype(float)

    errors = (both.errors + alone.errors).ravel()[cell] + np.where(people.fails[who], 0.01, 0.001)
    degraded = (both.degraded + alone.degraded).ravel()[cell] + 0.005 + fault.degraded
    slower = np.log(both.slower * alone.slower).ravel()[cell] + people.slowness[who]
    seconds = random.normal(np.log(0.03 * fault.slower), 0.35, len(cell)) + slower
    taken = happens(people.clicks[who] * (1 - fault.clicks))
    bought = happens(people.conversions[who] * (1 - max(fault.clicks, fault.conversions)))
    ends = np.arange(1.0, shape[1] + 1)
    return Evidence.of(
        ends - 1,
        ends,
        counted(),
        errors=counted(happens(errors + fault.errors)),
        degraded=counted(happens(degraded)),
        short=counted(happens(0.003 + fault.short)),
        latency=by(_bucket(seconds), LATENCY_BUCKETS),
        scores=_scores(random, cell, people.slowness[who], fault.scores, shape),
        pairs=(counted() * LISTED) * (counted() * LISTED - 1),
        same=_same(random, cell, fault.coverage, shape),
        measured=counted(),
        diversity=counted(
            (people.diversity[who] + random.normal(0, 0.1, len(cell))) * (1 - fault.diversity)
        ),
        user_lists=by(user % GROUPS, GROUPS),
        user_clicks=by(user % GROUPS, GROUPS, taken),
        user_conversions=by(user % GROUPS, GROUPS, bought),
    )


def _bucket(log_seconds: F64) -> I64:
    """Buckets of 4.7 %, from 3 ms to 5 s."""
    place = (log_seconds - np.log(0.003)) / np.log(10**0.02)
    return np.clip(place, 0, LATENCY_BUCKETS - 1).astype(np.int64)


def _scores(random: Random, cell: I64, users: F64, shift: float, shape: tuple[int, int]) -> F64:
    """The scores of a list resemble each other: drawn are four, each stands for some."""
    mean = users * 4 + shift + 0.7 * random.standard_normal(len(cell), np.float32)
    total = np.zeros(shape[0] * shape[1] * SCORE_BUCKETS)
    for _ in range(4):
        place = (mean + 0.7 * random.standard_normal(len(cell), np.float32) + 4) * SCORE_BUCKETS / 8
        bucket = np.clip(place, 0, SCORE_BUCKETS - 1).astype(np.int64)
        total += np.bincount(cell * SCORE_BUCKETS + bucket, None, len(total)) * (LISTED / 4)
    return total.reshape(*shape, SCORE_BUCKETS)


def _same(random: Random, cell: I64, head: float, shape: tuple[int, int]) -> F64:
    """Ordered pairs of the same item, of items shown by popularity (1 / rank^0.8)."""
    item = (ITEMS * random.random((LISTED, len(cell)), np.float32) ** 2).astype(np.int32)
    if head:
        top = random.random(item.shape, np.float32) < head
        item = np.where(top, random.integers(0, 10, item.shape, np.int32), item)
    table = np.bincount((cell * ITEMS + item).ravel(), None, shape[0] * shape[1] * ITEMS)
    return np.asarray((table * (table - 1)).reshape(*shape, ITEMS).sum(axis=-1), float)
