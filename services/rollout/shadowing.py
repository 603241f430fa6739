"""A shadow that is no rollout's: started, stopped and shown. Pure."""

from dataclasses import replace

from services.domain.traffic import Arm, Policy, Shadow
from services.domain.traffic_document import MAX_AT_ONCE
from services.domain.traffic_report import Example
from services.rollout.changes import Moment
from services.rollout.commands import check_release, stable_of
from services.rollout.errors import BadRequestError, ConflictError
from services.rollout.record import Entry, Kind, ShadowView
from services.rollout.scene import Scene
from services.rollout.watch import gateway_views


def check(shadow: Shadow) -> None:
    """Raises BadRequestError for what makes no sense at any time."""
    check_release("release", shadow.release)
    if not 0 < shadow.percent <= 100:
        raise BadRequestError(f"percent: above 0 and at most 100 expected, not {shadow.percent:g}")
    if not 1 <= shadow.at_once <= MAX_AT_ONCE:
        raise BadRequestError(f"at_once: 1 to {MAX_AT_ONCE} expected, not {shadow.at_once}")


def start(scene: Scene, shadow: Shadow, by: str) -> tuple[Policy, Entry]:
    """The policy with the shadow; raises BadRequestError, ConflictError."""
    if scene.active:
        raise ConflictError(
            f"rollout {scene.active.rollout} is {scene.active.phase}: it has a shadow of its own"
        )
    stable = stable_of(scene, "")
    if stable == shadow.release:
        raise BadRequestError(f"release: {stable} is the stable one")
    base = scene.held.policy or Policy(0, stable)
    reasons = (f"{shadow.release}, {shadow.percent:g} % of the requests",)
    return _with(base, shadow, scene.moment), _entry(Kind.SHADOW_STARTED, scene, reasons, by)


def stop(scene: Scene, by: str) -> tuple[Policy, Entry]:
    """The policy without it; raises ConflictError."""
    if scene.active:
        raise ConflictError(f"rollout {scene.active.rollout} has it: abort that")
    policy = scene.held.policy
    if policy is None or policy.shadow is None:
        raise ConflictError("there is no shadow")
    reasons = (policy.shadow.release,)
    return _with(policy, None, scene.moment), _entry(Kind.SHADOW_STOPPED, scene, reasons, by)


def shown(scene: Scene) -> ShadowView:
    """What it did in gateways that live."""
    policy = scene.policy
    shadow = policy.shadow if policy is not None else None
    gateways = gateway_views(scene)
    if shadow is None:
        return ShadowView("", 0.0, 0, {}, (), gateways)
    sums: dict[str, float] = {}
    examples: list[Example] = []
    for report in scene.reports:
        for lane in report.lanes:
            if (lane.release, lane.arm) == (shadow.release, Arm.SHADOW):
                for name, value in lane.sums.items():
                    sums[name] = sums.get(name, 0.0) + value
                examples += lane.examples
    return ShadowView(
        shadow.release, shadow.percent, shadow.at_once, sums, tuple(examples), gateways
    )


def _with(policy: Policy, shadow: Shadow | None, moment: Moment) -> Policy:
    return replace(policy, version=moment.version, shadow=shadow)


def _entry(kind: Kind, scene: Scene, reasons: tuple[str, ...], by: str) -> Entry:
    moment = scene.moment
    return Entry(
        kind=kind,
        at=moment.now,
        rollout="",
        by=by,
        policy_version=moment.version,
        reasons=reasons,
        leader=moment.leader,
    )
