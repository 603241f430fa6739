"""A rollout, a decision and a shadow with every field set."""

from dataclasses import replace

import numpy as np

from services.domain.traffic import Layer, LayerArm, Policy, Shadow
from services.domain.traffic_report import Example
from services.rollout import record
from services.rollout.evidence import COUNTED, Evidence
from services.rollout.guards import GUARDS
from services.rollout.phase import Phase
from services.rollout.record import Entry, GatewayView, Record, ShadowView, View
from services.rollout.spec import parse_spec
from services.rollout.trial import COUNTS
from services.rollout.verdict import Kind, Verdict
from services.rollout.verdicts import verdicts
from tests.unit.rollout.arms import arm

SPEC = """
steps: [{percent: 10, seconds: 60, requests: 100}, {percent: 100}]
guards: {errors: {}}
block_seconds: 1
"""

POLICY = Policy(
    version=7,
    stable="r1",
    canary="r2",
    weight=10.0,
    control=10.0,
    salt="rollout-17",
    layers=(Layer("page", "s", (LayerArm("long", 50.0, {"k": 40.0}),)),),
    lease_seconds=4.0,
    shadow=Shadow("r2", 5.0),
)

RECORD = Record(
    version=3,
    at=1_700_000_060.25,
    rollout="17",
    release="r2",
    stable="r1",
    spec=SPEC,
    phase=Phase.RUNNING,
    step=0,
    since=1_700_000_050.5,
    why="step 1",
    by="ada@host",
    started_at=1_700_000_000.0,
    ended_at=0.0,
    policy=POLICY,
)

VERDICTS = (
    Verdict(
        Kind.ROLL_BACK,
        "errors",
        "worse: canary 0.02, control 0.001",
        {"canary": 0.02, "control": 0.001, "evidence": 3000.0, "threshold": 2700.0},
    ),
    Verdict(Kind.HOLD, "clicks", "no data"),
)

LOOK = Entry(
    kind=record.Kind.HOLD,
    at=1_700_000_060.0,
    rollout="17",
    by="leader",
    phase=Phase.RUNNING.value,
    step=0,
    percent=10.0,
    policy_version=7,
    reasons=("clicks: no data", "10 s of 60"),
    verdicts=VERDICTS,
    arms={"canary": {"errors": 2.0, "requests": 100.0}, "control": {"requests": 104.0}},
    leader="one:50048",
    id="1700000060000-0",
)


def look_of_all_guards() -> Entry:
    """As large as looks of long steps are: every guard has numbers, with all their digits."""
    random = np.random.default_rng(1)

    def counted() -> Evidence:
        usual = arm(120)
        noisy = {name: random.poisson(getattr(usual, name)).astype(float) for name in COUNTED}
        return replace(usual, **noisy)

    spec = parse_spec(
        SPEC.replace("errors: {}", ", ".join(f"{kind.name}: {{}}" for kind in GUARDS))
    )
    arms = {"control": counted(), "canary": counted()}
    said = verdicts(spec, **arms)
    sums = {
        name: {"blocks": 120.0, **{count: float(getattr(one, count).sum()) for count in COUNTS}}
        for name, one in arms.items()
    }
    reasons = ("600 s of 900", *(f"{one.guard}: {one.reason}" for one in said))
    return replace(LOOK, reasons=reasons, verdicts=said, arms=sums)


SHADOWED = Entry(record.Kind.SHADOW_STARTED, 1_700_000_000.0, "", "ada@host")

GATEWAYS = (
    GatewayView("g1", 12.5, 7, True, "r1", ()),
    GatewayView("g2", 1.0, 0, False, "r1", ("rank: r2 is loading",)),
)

VIEW = View("one:50048", 1_700_000_060.5, RECORD, LOOK, GATEWAYS, ("a report cannot be read",))

SHADOW = ShadowView(
    release="r2",
    percent=5.0,
    at_once=4,
    sums={"compared": 4.0, "overlap": 3.0, "correlated": 0.0, "dropped": 1.0},
    examples=(
        Example("q1", ("a", "b"), ("b", "a"), 1.0, 1.5),
        Example("q2", ("a", "b"), ("c", "d"), 0.0, 0.9),
    ),
    gateways=GATEWAYS,
)
