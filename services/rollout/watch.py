"""A rollout as it is shown: pure."""

from services.rollout import readiness
from services.rollout.record import GatewayView, View
from services.rollout.scene import Scene


def view(scene: Scene, trouble: str = "") -> View:
    """The rollout as it is now; `trouble`: why the last turn failed."""
    return View(
        leader=scene.moment.leader,
        now=scene.moment.now,
        record=scene.record,
        look=scene.trial.look if scene.trial is not None else None,
        gateways=gateway_views(scene),
        problems=(*scene.problems, f"it cannot be decided on: {trouble}")
        if trouble
        else scene.problems,
    )


def gateway_views(scene: Scene) -> tuple[GatewayView, ...]:
    """The gateways that live, by id."""
    policy = scene.policy
    return tuple(
        GatewayView(
            gateway=one.gateway,
            seconds=one.seconds,
            version=one.version,
            leased=one.leased,
            stable=one.stable,
            lacks=readiness.lacks(one, policy) if policy is not None else (),
        )
        for one in sorted(scene.reports, key=lambda report: report.gateway)
    )
