"""The rows of the table of rollouts: what the canary does, in which world, by which plan."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.rollout.guards import GUARDS
from services.rollout.spec import Spec, parse_spec
from tests.bench.rollout_world import Fault, World

JUDGED = [guard.name for guard in GUARDS if guard.judges]


@dataclass(frozen=True)
class Plan:
    """A rollout in blocks of a second of the simulation's time.

    Attributes:
        steps: percent, seconds, mean requests of an arm in a block.
        longest: so many times its seconds a step may last, until the rollout is called held.
        guards: parameters other than those of the guards themselves.
        left_out: guards that are not used.
    """

    steps: tuple[tuple[float, int, float], ...]
    longest: int = 2
    guards: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def spec(self) -> Spec:
        """As an operator writes it."""
        given = dict(self.guards)
        steps = "".join(
            f"  - {{percent: {percent}, seconds: {seconds}, requests: 100}}\n"
            for percent, seconds, _ in self.steps
        )
        guards = "".join(
            f"  {name}: {given.get(name, '')}\n" for name in JUDGED if name not in self.left_out
        )
        times = "block_seconds: 1\nfresh_seconds: 5\n"
        return parse_spec(f"{times}steps:\n{steps}  - {{percent: 100}}\nguards:\n{guards}")


USUAL = Plan(((10, 60, 20.0), (25, 60, 50.0), (50, 60, 100.0)))
SHORT = Plan(
    ((10, 25, 8.0), (50, 60, 40.0)),
    longest=4,
    guards=(("coverage", "{samples: 50000}"),),
    left_out=("conversions",),
)
NONE = Fault()
ALIKE, SPARSE, HEAVY = World(), World(clicks="sparse"), World(clicks="heavy")
CALM = World(users=2000, bursts=0.01, alone=0.0025, degraded=0.0005, activity=0.2)
BUSY = World(users=2000, bursts=0.05, alone=0.01, degraded=0.005, activity=0.2)


@dataclass(frozen=True)
class Case:
    """A row: many rollouts of one canary.

    Attributes:
        name: of the row.
        fault: what the canary does worse.
        size: of the fault, for the summary; 0: not in it.
        world: the users and the traffic.
        plan: of the rollout.
    """

    name: str
    fault: Fault = NONE
    size: float = 0.0
    world: World = ALIKE
    plan: Plan = USUAL


FAULTS: dict[str, tuple[str, tuple[float, ...]]] = {
    "errors": ("{:.1%} more requests fail", (0.005, 0.01, 0.02, 0.05)),
    "slower": ("all times x {:g}", (1.1, 1.2, 1.35, 1.5)),
    "rank": ("rank's time x {:g}", (1.1, 1.25, 1.5, 2.0)),
    "degraded": ("{:.0%} more degraded", (0.01, 0.02, 0.05)),
    "short": ("{:.0%} more short lists", (0.01, 0.02, 0.05)),
    "clicks": ("{:.0%} of clicks and conversions lost", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
    "conversions": ("{:.0%} of conversions lost", (0.3, 0.5, 0.8)),
    "scores": ("scores shifted by {:g} sd", (0.5, 0.75, 1.0)),
    "coverage": ("{:.0%} of positions to ten items", (0.03, 0.06, 0.1)),
    "diversity": ("{:.0%} of diversity lost", (0.12, 0.15, 0.2)),
}
"""Words for each, and sizes, smallest first."""

SHORT_FAULTS = {
    "errors": (0.02,),
    "degraded": (0.02,),
    "rank": (1.25, 1.5, 2.0),
    "short": (0.05, 0.1),
    "clicks": (0.4, 0.5, 0.6),
}
"""What a plan of one and a half minutes is to find."""


def of(name: str, size: float) -> Case:
    """A fault of a size, in the usual world."""
    words, _ = FAULTS[name]
    return Case(words.format(size), replace(Fault(), **{name: size}), size)


def rows() -> Iterator[tuple[str, list[Case]]]:
    """The table, by sections: a name for the summary, or none, and the cases."""
    yield (
        "",
        [
            Case("identical"),
            Case("identical, four times the bursts", world=World(bursts=0.1, alone=0.1)),
            Case("identical, 300 users in an arm", world=World(users=300)),
            Case("identical, one click in ten lists", world=SPARSE),
            Case("identical, clicks heavy-tailed", world=HEAVY),
            Case(
                "identical, clicks heavy-tailed, 300 users in an arm",
                world=World(users=300, clicks="heavy"),
            ),
        ],
    )
    for name, (words, sizes) in FAULTS.items():
        yield words.split("}")[1].strip() or name, [of(name, size) for size in sizes]
    for world, where in (
        (SPARSE, "one click in ten lists"),
        (HEAVY, "heavy-tailed"),
    ):
        cases = [of("clicks", size) for size in FAULTS["clicks"][1][1:]]
        yield (
            f"of clicks lost, {where}",
            [replace(case, name=f"{case.name}, {where}", world=world) for case in cases],
        )
    for world, where in ((CALM, "short plan"), (BUSY, "short plan, many bursts")):
        cases = [Case("identical")]
        cases += [of(name, size) for name, sizes in SHORT_FAULTS.items() for size in sizes]
        yield (
            "",
            [
                replace(case, name=f"{where}: {case.name}", world=world, plan=SHORT)
                for case in cases
            ],
        )
