"""What a mirror is made of: the policy's shadow → its lane → room for it."""

from collections.abc import Callable
from functools import partial

from services.domain.traffic import Arm
from services.gateway.admission.admission import Admission
from services.gateway.admission.priority import Priority
from services.gateway.funnel import Funnel
from services.gateway.lanes.lane import Following
from services.gateway.lanes.lanes import Lanes
from services.gateway.release_control import ReleaseControl
from services.gateway.resilience.budget import request_seconds
from services.gateway.shadow.mirror import Mirror


def make_mirror(
    following: Following,
    releases: ReleaseControl,
    lanes: Callable[[], Lanes],
    admission: Admission,
    limit: float,
) -> Mirror:
    """Asks the shadow of the policy in a lane of its own, where all stages have the release.

    Args:
        following: knows the policy.
        releases: know what is loaded.
        lanes: of the gateway; asked for when a list was answered.
        admission: there is room for a shadow as long as there is for Explain.
        limit: seconds that the gateway gives a request.
    """

    def funnel(release: str) -> Funnel | None:
        lane = lanes().lane(release, Arm.SHADOW) if releases.everywhere(release) else None
        return lane.funnel if lane is not None else None

    room = partial(admission.room, Priority.EXPLAIN)
    return Mirror(lambda: following.applied.shadow, funnel, room, request_seconds(limit, None))
