"""Simulated evidence of a rollout: users who differ, bursts that hit an arm or both."""

from dataclasses import dataclass

import numpy as np

from services.domain.arrays import I64, Bools
from services.rollout.evidence import F64, STAGES, Evidence
from tests.bench.rollout_people import CLICKS, People, Random

GROUPS = 128  # units of the tests of users
ITEMS, LISTED = 1000, 10
BUCKETS, BUCKET, FASTEST = 96, 10**0.04, 0.0004  # of latency: 9.6 % wide, from 0.4 ms to 2.8 s
SCORE_BUCKETS = 32
LENGTHS = (0.6, 0.25, 0.15)  # of bursts: one block, two, three
SECONDS = {"recall": 0.006, "prerank": 0.003, "rank": 0.01, "rerank": 0.003}  # medians
REST = 0.005  # of a request, beside these stages
COMMON, OWN = 0.2, 0.35  # spread of the logarithm: of a request, and of a stage; P95 is 1.9 P50


@dataclass(frozen=True)
class World:
    """What all arms have in common.

    Attributes:
        users: of an arm in the last step, half of all.
        bursts: chance that one begins in a block, in both arms.
        alone: chance that one begins in a block, in one arm.
        scale: of the traffic.
        clicks: how many a list has, a name of CLICKS.
        degraded: share of answers, out of bursts.
        activity: how unlike users come: standard deviation of the logarithm.
    """

    users: int = 4000
    bursts: float = 1 / 40
    alone: float = 1 / 40
    scale: float = 1.0
    clicks: str = "several"
    degraded: float = 0.005
    activity: float = 1.0


@dataclass(frozen=True)
class Fault:
    """What a canary does worse; as it stands, nothing.

    Attributes:
        errors: share of requests that fail, more than else.
        slower: all latencies, times.
        rank: latency of the rank stage alone, times.
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
    rank: float = 1.0
    degraded: float = 0.0
    short: float = 0.0
    clicks: float = 0.0
    conversions: float = 0.0
    scores: float = 0.0
    coverage: float = 0.0
    diversity: float = 0.0


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
class Step:
    """How one step is simulated.

    Attributes:
        world: of which it is.
        rate: mean requests of an arm in a block.
        users: of an arm.
        start: of its first block, seconds.
    """

    world: World
    rate: float
    users: int
    start: float


def arm(
    random: Random, step: Step, people: People, traffic: F64, both: Burst, fault: Fault
) -> Evidence:
    """One arm's evidence of a step of many rollouts; `traffic` and `both` hit both arms."""
    shape = traffic.shape
    alone = Burst.some(random, shape, step.world.alone)
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
    degraded = (both.degraded + alone.degraded).ravel()[cell] + step.world.degraded + fault.degraded
    slower = (both.slower * alone.slower).ravel()[cell] * np.exp(people.slowness[who])
    clicks = CLICKS[step.world.clicks](random, people, who, 1 - fault.clicks)
    bought = happens(people.conversions[who] * (1 - max(fault.clicks, fault.conversions)))
    diversity = (people.diversity[who] + random.normal(0, 0.1, len(cell))) * (1 - fault.diversity)
    ends = step.start + np.arange(1.0, shape[1] + 1)
    return Evidence.of(
        ends - 1,
        ends,
        counted(),
        errors=counted(happens(errors + fault.errors)),
        degraded=counted(happens(degraded)),
        short=counted(happens(0.003 + fault.short)),
        **{
            name: by(_bucket(seconds), BUCKETS)
            for name, seconds in _latencies(random, slower * fault.slower, fault.rank).items()
        },
        scores=_scores(random, cell, people.slowness[who], fault.scores, shape),
        pairs=(counted() * LISTED) * (counted() * LISTED - 1),
        same=_same(random, cell, fault.coverage, shape),
        measured=counted(),
        diversity=counted(diversity),
        user_lists=by(user % GROUPS, GROUPS),
        user_clicks=by(user % GROUPS, GROUPS, clicks),
        user_conversions=by(user % GROUPS, GROUPS, bought),
    )


def _latencies(random: Random, slower: F64, rank: float) -> dict[str, F64]:
    """Seconds of each request: of its stages, and of the whole, which is their sum and a rest."""
    found = {}
    slower = slower * np.exp(COMMON * random.standard_normal(len(slower), np.float32))
    for stage in STAGES:
        usual = SECONDS[stage] * (rank if stage == "rank" else 1.0)
        noise = random.standard_normal(len(slower), np.float32)
        found[f"latency_{stage}"] = usual * slower * np.exp(OWN * noise)
    return found | {"latency": np.sum([REST * slower, *found.values()], axis=0)}


def _bucket(seconds: F64) -> I64:
    place = np.log(seconds / FASTEST) / np.log(BUCKET)
    return np.clip(place, 0, BUCKETS - 1).astype(np.int64)


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
