"""Many simulated rollouts, led as the controller leads each.

All looks at all of them are computed at once, and only what they need is simulated: a rollout that
has ended has no next step, one that left a step does not wait in it. Some are also led by the
controller itself, block by block, and must end alike.
"""

from dataclasses import dataclass, fields
from zlib import crc32

import numpy as np

from services.domain.arrays import I64, Bools
from services.rollout.controller import State, decide
from services.rollout.evidence import COUNTED, F64, TIMES, WIDE, Evidence
from services.rollout.spec import ALL, Spec
from services.rollout.verdict import Kind
from tests.bench.rollout_cases import Case
from tests.bench.rollout_people import People, Random
from tests.bench.rollout_world import Burst, Fault, Step, arm

CHUNK = 300_000  # requests of an arm at once, about: what fits in memory
OUTCOMES = ("rolled back", "promoted", "held")
BACK, PROMOTED, HELD = range(len(OUTCOMES))

Arms = tuple[Evidence, Evidence]
"""Control and canary."""


@dataclass(frozen=True)
class Ends:
    """How rollouts ended: [rollouts] each.

    Attributes:
        outcome: place in OUTCOMES.
        requests: the canary's, until then.
        blocks: until then.
        guard: place among the plan's of the one that took it back first; -1: none.
    """

    outcome: I64
    requests: F64
    blocks: I64
    guard: I64

    @classmethod
    def promoted(cls, rollouts: int) -> "Ends":
        """Until something else is known."""
        return cls(
            np.full(rollouts, PROMOTED),
            np.zeros(rollouts),
            np.zeros(rollouts, np.int64),
            np.full(rollouts, -1),
        )


def ended(case: Case, rollouts: int, replay: int, seed: int) -> Ends:
    """How many rollouts of a case end; the first `replay` are led by the controller too."""
    random = np.random.default_rng([seed, crc32(repr(case).encode())])
    requests = max(seconds * rate for _, seconds, rate in case.plan.steps) * case.world.scale
    chunk = max(int(CHUNK / requests), 1)
    parts = []
    for start in range(0, rollouts, chunk):
        checked = min(replay, chunk) if start == 0 else 0
        parts.append(_led(random, case, min(chunk, rollouts - start), checked))
    names = [f.name for f in fields(Ends)]
    return Ends(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _led(random: Random, case: Case, rollouts: int, checked: int) -> Ends:
    shape = rollouts, case.world.users
    control, canary = (People.some(random, shape, case.world.activity) for _ in range(2))
    seen: list[list[Arms]] = [[] for _ in range(checked)]
    led = _Led(random, case, (control, canary), Ends.promoted(rollouts), seen)
    running = np.arange(rollouts)
    for place in range(len(case.plan.steps)):
        running = led.step(place, running)
    for rollout, steps in enumerate(seen):
        outcome = OUTCOMES[led.ends.outcome[rollout]]
        assert _replayed(case.plan.spec, steps) == outcome, (case, rollout, outcome)
    return led.ends


@dataclass(frozen=True)
class _Led:
    """Rollouts of a case, from step to step.

    Attributes:
        random: of all that is simulated.
        case: what is simulated.
        people: users of the control and of the canary.
        ends: what is known of them, written as they end.
        seen: of the first rollouts, all their evidence, step by step.
    """

    random: Random
    case: Case
    people: tuple[People, People]
    ends: Ends
    seen: list[list[Arms]]

    def step(self, place: int, waiting: I64) -> I64:
        """Which of these rollouts are in the next step."""
        gone_on: list[I64] = []
        arms: Arms | None = None
        for part in range(self.case.plan.longest):
            people = [users.of(waiting) for users in self.people]
            later = _simulated(self.random, self.case, place, people, part)
            arms = (
                later if arms is None else (_joined(arms[0], later[0]), _joined(arms[1], later[1]))
            )
            over, left = self._enter(place, waiting, arms, part == self.case.plan.longest - 1)
            gone_on.append(waiting[left])
            waiting, arms = waiting[~over], (_rows(arms[0], ~over), _rows(arms[1], ~over))
            if not len(waiting):
                break
        return np.sort(np.concatenate(gone_on))

    def _enter(self, place: int, who: I64, arms: Arms, held: bool) -> tuple[Bools, Bools]:
        """Notes who is over with the step, and who of them leaves it for the next."""
        worse, left = _looked_at(self.case.plan.spec, place, *arms)
        blocks, there = arms[1].requests.shape[-1], np.arange(len(who))
        back_at, left_at = _first(worse.any(axis=0), blocks), _first(left, blocks)
        back = (back_at <= left_at) & (back_at < blocks)
        leaves = ~back & (left_at < blocks)
        over = back | leaves | held
        last = np.minimum(np.minimum(back_at, left_at), blocks - 1)
        self.ends.requests[who[over]] += arms[1].requests.cumsum(-1)[there, last][over]
        self.ends.blocks[who[over]] += last[over] + 1
        self.ends.guard[who[back]] = worse[:, there, last].argmax(axis=0)[back]
        self.ends.outcome[who[back]] = BACK
        self.ends.outcome[who[over & ~back & ~leaves]] = HELD
        for row in np.flatnonzero(over & (who < len(self.seen))):
            self.seen[who[row]].append((_rows(arms[0], [row]), _rows(arms[1], [row])))
        return over, leaves


def _first(happened: np.ndarray, blocks: int) -> I64:
    return np.where(happened.any(axis=-1), happened.argmax(axis=-1), blocks)


def _simulated(random: Random, case: Case, place: int, people: list[People], part: int) -> Arms:
    """A part of a step, as long as the step is at least; the users are among the next step's."""
    percent, seconds, rate = case.plan.steps[place]
    world = case.world
    shape = len(people[0].clicks), seconds
    step = Step(
        world,
        rate * world.scale,
        int(world.users * percent / case.plan.steps[-1][0]),
        float(part * seconds),
    )
    traffic = np.exp(random.normal(0, 0.2, shape))
    both = Burst.some(random, shape, world.bursts)
    return (
        arm(random, step, people[0], traffic, both, Fault()),
        arm(random, step, people[1], traffic, both, case.fault),
    )


def _looked_at(
    spec: Spec, place: int, control: Evidence, canary: Evidence
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each guard takes back [guards, rollouts, T], and whether the step may end well."""
    step = spec.steps[place]
    fewest = np.minimum(control.requests, canary.requests)
    left = (np.cumsum(fewest > 0, axis=-1) >= spec.blocks) & (canary.ends >= step.seconds)
    for requests in (control.requests, canary.requests):
        left &= requests.cumsum(axis=-1) >= step.requests
    worse = []
    for guard in spec.guards:
        found = guard.measure(control, canary)
        known = np.isfinite(found.canary) & np.isfinite(found.control)
        worse.append(found.crossed(-np.log(spec.alpha)) & known)
        left &= found.ready & known & ~found.suspect()
    return np.array(worse), left


def _replayed(spec: Spec, steps: list[Arms]) -> str:
    """The outcome of one rollout led by the controller, look by look."""
    since = 0.0
    for step, arms in enumerate(steps):
        for block in range(1, arms[0].requests.shape[-1] + 1):
            seen = (_until(arm, block, since) for arm in arms)
            decision = decide(State(step, since), spec, since + block, *seen)
            if decision.kind is not Kind.HOLD:
                break
        else:
            return "held"
        if decision.kind is Kind.ROLL_BACK:
            return "rolled back"
        if spec.steps[step + 1].percent == ALL:
            return "promoted"
        since += block
    raise AssertionError("the controller goes on where the simulation ended")


def _until(arm: Evidence, block: int, offset: float) -> Evidence:
    """The first blocks of a rollout, later by the offset."""
    counts = {name: getattr(arm, name)[0][:block] for name in COUNTED}
    return Evidence.of(arm.starts[:block] + offset, arm.ends[:block] + offset, **counts)


def _rows(arm: Evidence, rollouts: np.ndarray | list[int]) -> Evidence:
    counts = {name: getattr(arm, name)[rollouts] for name in COUNTED}
    return Evidence(starts=arm.starts, ends=arm.ends, **counts, coarsened=arm.coarsened)


def _joined(arm: Evidence, later: Evidence) -> Evidence:
    def both(name: str) -> F64:
        axis = -2 if name in WIDE else -1
        return np.concatenate([getattr(arm, name), getattr(later, name)], axis=axis)

    arrays = {name: both(name) for name in (*TIMES, *COUNTED)}
    return Evidence(**arrays, coarsened=arm.coarsened)
