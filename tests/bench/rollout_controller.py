"""False and true rollbacks of whole simulated rollouts: `python -m tests.bench.rollout_controller`.

Time is simulated. Each case is some thousands of rollouts of three judged steps with all guards,
looked at after every block: a canary that is the stable release, then faults of several sizes.
Users differ and come again; bursts of latency, errors and degraded answers hit one arm or both.
All looks at all rollouts are computed at once; some rollouts of each case are also led by the
controller itself, block by block, and must end alike. Writes var/bench/rollout_controller.md.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np

from services.domain.arrays import I64
from services.rollout.controller import Phase, begin, decide
from services.rollout.evidence import F64, Evidence
from services.rollout.guards import GUARDS
from services.rollout.spec import Spec, parse_spec
from tests.bench.rollout_world import FAULTS, Burst, Fault, People, Random, Step, World, arm

CHUNK = 50  # rollouts at once, of the usual traffic
FEW = 20  # rollbacks: of fewer no quantiles are told
OFTEN = 0.95
LONGEST = 2  # times the plan a step may last, until the rollout is called held
STEPS = ((10, 20.0), (25, 50.0), (50, 100.0))  # percent, requests of an arm in a block
JUDGED = [guard.name for guard in GUARDS if guard.judges]
OUTCOMES = ("rolled back", "promoted", "held")

HEAD = (
    "| fault | rollouts | rolled back | promoted | held | canary requests until rollback, median "
    "| P95 | blocks, median | by |\n|---|---|---|---|---|---|---|---|---|"
)
LEAST = (
    "| fault | smallest size found in 95 % | rolled back | within canary requests |\n"
    "|---|---|---|---|"
)


@dataclass(frozen=True)
class Ends:
    """How rollouts ended: [rollouts] each.

    Attributes:
        outcome: place in OUTCOMES.
        requests: the canary's, until then.
        blocks: until then.
        guard: place in JUDGED of the one that took it back first; -1: none.
    """

    outcome: I64
    requests: F64
    blocks: I64
    guard: I64


def plan(seconds: int) -> Spec:
    """The plan of all cases: blocks of one second of the simulation's time."""
    steps = "".join(
        f"  - {{percent: {percent}, seconds: {seconds}, requests: 100}}\n" for percent, _ in STEPS
    )
    guards = "".join(f"  {name}:\n" for name in JUDGED)
    times = "block_seconds: 1\nfresh_seconds: 5\n"
    return parse_spec(f"{times}steps:\n{steps}  - {{percent: 100}}\nguards:\n{guards}")


def simulated(
    random: Random, shape: tuple[int, int], world: World, fault: Fault
) -> Iterator[tuple[Evidence, Evidence]]:
    """Control and canary of each step, the users of a step among those of the next."""
    control, canary = (People.some(random, (shape[0], world.users)) for _ in range(2))
    for percent, rate in STEPS:
        step = Step(rate * world.scale, world.users * percent // STEPS[-1][0], world.bursts)
        traffic = np.exp(random.normal(0, 0.2, shape))
        both = Burst.some(random, shape, world.bursts)
        yield (
            arm(random, step, control, traffic, both, Fault()),
            arm(random, step, canary, traffic, both, fault),
        )


def led(spec: Spec, steps: Sequence[tuple[Evidence, Evidence]]) -> Ends:
    """All rollouts at once, as the controller leads each."""
    rollouts = len(steps[0][0].requests)
    ends = Ends(
        np.full(rollouts, OUTCOMES.index("promoted")),
        np.zeros(rollouts),
        np.zeros(rollouts, np.int64),
        np.full(rollouts, -1),
    )
    running = np.ones(rollouts, bool)
    for place, (control, canary) in enumerate(steps):
        worse, left = looked_at(spec, place, control, canary)
        blocks = canary.requests.shape[-1]
        at_worse = np.where(worse.any(axis=(0, 2)), worse.any(axis=0).argmax(axis=-1), blocks)
        at_left = np.where(left.any(axis=-1), left.argmax(axis=-1), blocks)
        back, stuck = running & (at_worse <= at_left) & (at_worse < blocks), at_left == blocks
        last = np.minimum(np.minimum(at_worse, at_left), blocks - 1)
        ends.requests[running] += canary.requests.cumsum(-1)[np.arange(rollouts), last][running]
        ends.blocks[running] += last[running] + 1
        ends.outcome[back] = OUTCOMES.index("rolled back")
        ends.outcome[running & ~back & stuck] = OUTCOMES.index("held")
        ends.guard[back] = worse[:, np.arange(rollouts), last].argmax(axis=0)[back]
        running &= ~back & ~stuck
    return ends


def looked_at(
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


def replayed(spec: Spec, steps: Sequence[tuple[Evidence, Evidence]], rollout: int) -> str:
    """The outcome of one rollout led by the controller, look by look."""
    state, offset = begin(0.0), 0.0
    for control, canary in steps:
        for block in range(1, canary.requests.shape[-1] + 1):
            arms = [_until(arm, rollout, block, offset) for arm in (control, canary)]
            before = state
            state, _ = decide(state, spec, offset + block, *arms)
            if state != before:
                break
        else:
            return "held"
        if state.ended:
            return "promoted" if state.phase is Phase.PROMOTED else "rolled back"
        offset = state.since
    raise AssertionError("the plan has more steps than the simulation")


def _until(arm: Evidence, rollout: int, block: int, offset: float) -> Evidence:
    """One rollout's first blocks, later by the offset."""
    counts = {
        name: getattr(arm, name)[rollout][:block]
        for name in Evidence.__slots__
        if name not in ("starts", "ends")
    }
    return Evidence.of(arm.starts[:block] + offset, arm.ends[:block] + offset, **counts)


def case(fault: Fault, rollouts: int, options: argparse.Namespace) -> Ends:
    """Many rollouts of one fault."""
    spec, parts = plan(options.blocks), []
    world = World(options.users, options.bursts, options.scale)
    random = np.random.default_rng([options.seed, crc32(repr(fault).encode())])
    chunk = max(int(CHUNK / max(options.scale, 1.0)), 1)
    for start in range(0, rollouts, chunk):
        shape = min(chunk, rollouts - start), LONGEST * options.blocks
        steps = list(simulated(random, shape, world, fault))
        parts.append(led(spec, steps))
        for rollout in range(options.replay if start == 0 else 0):
            outcome = OUTCOMES[parts[-1].outcome[rollout]]
            assert replayed(spec, steps, rollout) == outcome, (fault, rollout, outcome)
    return Ends(
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.requests for part in parts]),
        np.concatenate([part.blocks for part in parts]),
        np.concatenate([part.guard for part in parts]),
    )


def line(name: str, ends: Ends) -> str:
    """A row of the table."""
    shares = [float((ends.outcome == place).mean()) for place in range(len(OUTCOMES))]
    back = ends.outcome == OUTCOMES.index("rolled back")
    cells = [name, f"{len(back)}", *(f"{share:.2%}" for share in shares), "", "", "", ""]
    if back.sum() >= FEW:
        requests = [np.quantile(ends.requests[back], share) for share in (0.5, 0.95)]
        cells[-4:-2] = [f"{count:,.0f}" for count in requests]
        cells[-2] = f"{np.median(ends.blocks[back]):.0f}"
    first = np.bincount(ends.guard[back], minlength=len(JUDGED))
    most = [guard for guard in np.argsort(-first) if first[guard] > back.sum() / 50]
    cells[-1] = ", ".join(f"{JUDGED[guard]} {first[guard] / back.sum():.0%}" for guard in most)
    return f"| {' | '.join(cells)} |"


def summary(name: str, ends: dict[float, Ends]) -> str:
    """The smallest size of a fault that is nearly always found, and after how many requests."""
    for size, found in ends.items():
        back = found.outcome == OUTCOMES.index("rolled back")
        if back.mean() >= OFTEN:
            among = np.where(back, found.requests, np.inf)
            needed = np.quantile(among, OFTEN, method="higher")
            return f"| {name} | {size:g} | {back.mean():.2%} | {needed:,.0f} |"
    return f"| {name} | none of these | | |"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, default=2000, help="of each fault and size")
    parser.add_argument("--alike", type=int, default=4000, help="of the identical canary")
    parser.add_argument("--blocks", type=int, default=60, help="shortest length of a step")
    parser.add_argument("--scale", type=float, default=World.scale, help="of the traffic")
    parser.add_argument("--users", type=int, default=World.users, help="of an arm, last step")
    parser.add_argument("--bursts", type=float, default=World.bursts, help="a block and arm")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=[*FAULTS])
    parser.add_argument("--sizes", nargs="*", type=float, help="of them; all")
    parser.add_argument("--replay", type=int, default=2, help="rollouts led by the controller too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("var/bench/rollout_controller.md"))
    return parser.parse_args()


def main() -> None:
    given = options()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows, least, start = [HEAD], [LEAST], time.perf_counter()

    def done(name: str, ends: Ends) -> None:
        rows.append(line(name, ends))
        print(f"{rows[-1]} {time.perf_counter() - start:.0f} s", flush=True)
        given.out.write_text("\n".join([*rows, "", *least, ""]))

    done("none", case(Fault(), given.alike, given))
    for name in given.faults:
        sizes: dict[float, Ends] = {}
        for size in given.sizes or FAULTS[name]:
            sizes[size] = case(replace(Fault(), **{name: size}), given.rollouts, given)
            done(f"{name} {size:g}", sizes[size])
        least.append(summary(name, sizes))
        print(least[-1], flush=True)
    given.out.write_text("\n".join([*rows, "", *least, ""]))


if __name__ == "__main__":
    main()
