"""The lanes of a gateway: opened for users whom the policy sends there, closed when none are."""

from collections.abc import Callable

from services.domain.traffic import Arm, Assignment, Policy
from services.domain.traffic_report import LaneReport
from services.gateway.lanes.judged import JudgedTally
from services.gateway.lanes.lane import Key, Lane, Route, Routing
from services.gateway.lanes.tally import Tally
from services.gateway.release import GatewayRelease

JUDGED = frozenset({Arm.CONTROL, Arm.CANARY})
REMEMBERED = 6

OpenLane = Callable[[GatewayRelease, Arm, Tally], Lane]


class Lanes:
    """Gives each user a lane. A release that is not loaded has none: stable's takes its users.

    Counts of a lane are kept when it closes, and go on when it opens again: reports never fall
    back. Those of the REMEMBERED lanes that opened last are. Threads may call `open` and `reports`;
    all else is for the event loop.

    Args:
        routing: the policy, and what is loaded here.
        open_lane: makes a lane of a release, an arm and a tally.
    """

    def __init__(self, routing: Routing, open_lane: OpenLane) -> None:
        self._following = routing.following
        self._loaded = routing.loaded
        self._make = open_lane
        self._lanes: dict[tuple[str, Arm], Lane] = {}
        self._tallies: dict[Key, Tally] = {}
        self._stable = self.stable

    def of(self, user_id: str) -> Route:
        """What serves a user or a session now."""
        assigned = self._following.assign(user_id)
        lane = self._lanes.get((assigned.release, assigned.arm))
        if lane is None:
            lane = self._first(assigned) or self.stable
        return Route(lane, assigned.arms)

    @property
    def stable(self) -> Lane:
        """Answers everybody else: from the policy's stable release where that is loaded here."""
        stable = self._following.applied.stable
        lane = self.lane(stable, Arm.STABLE) or self.lane(self._loaded.start, Arm.STABLE)
        if lane is None:
            raise LookupError(f"release {self._loaded.start} is not loaded")
        self._stable = lane
        return lane

    def lane(self, release: str, arm: Arm) -> Lane | None:
        """The lane, opened now if it was not; None when its release is not loaded."""
        lane = self._lanes.get((release, arm))
        if lane is None and self._opens(release):
            if (loaded := self._loaded.get(release)) is None:
                return None
            lane = self._make(loaded, arm, self._tally(Key(release, arm)))
            self._lanes[lane.key] = lane
        return lane

    def open(self) -> tuple[Lane, ...]:
        """The lanes that are open, stable's first; that one as of the last time it was asked."""
        stable, lanes = self._stable, tuple(self._lanes.values())
        return stable, *(lane for lane in lanes if lane is not stable)

    def releases(self) -> tuple[str, ...]:
        """Releases that answer somebody now, stable first."""
        answering = (self.stable, *self.open())
        return tuple(dict.fromkeys(lane.release.id for lane in answering))

    def tidy(self) -> None:
        """Closes lanes that the policy has no use for; their requests end undisturbed."""
        used = {self.stable.key, *_named(self._following.applied)}
        for key, lane in list(self._lanes.items()):
            if key not in used or self._loaded.get(key[0]) is not lane.release:
                del self._lanes[key]

    def reports(self) -> tuple[LaneReport, ...]:
        """What each lane did that had requests."""
        return tuple(
            tally.report(key.release, key.arm)
            for key, tally in tuple(self._tallies.items())
            if tally.requests
        )

    def _first(self, assigned: Assignment) -> Lane | None:
        """The lane of who comes first to it.

        Where the canary is not loaded, there is no control either: one gateway would be seen in one
        of the two alone, and what ails it would seem to be that release's doing.
        """
        canary = self._following.applied.canary
        if assigned.arm is Arm.CONTROL and self.lane(canary, Arm.CANARY) is None:
            return None
        return self.lane(assigned.release, assigned.arm)

    def _opens(self, release: str) -> bool:
        """Whether its lists are whole, or those of the release of the start are not either.

        A stage that a release comes to last would be left out of everybody's lists until then. Not
        asked of lanes that are open: a stage that was restarted has the release again soon.
        """
        loaded = self._loaded
        return loaded.everywhere(release) or not loaded.everywhere(loaded.start)

    def _tally(self, key: Key) -> Tally:
        tally = self._tallies.pop(key, None)
        if tally is None:
            tally = JudgedTally() if key.arm in JUDGED else Tally()
        self._tallies[key] = tally
        closed = [one for one in self._tallies if one != key and one not in self._lanes]
        for one in closed[: max(len(self._tallies) - REMEMBERED, 0)]:
            del self._tallies[one]
        return tally


def _named(policy: Policy) -> set[tuple[str, Arm]]:
    """The lanes that a policy may send requests to."""
    named = {(policy.stable, Arm.STABLE)}
    if policy.canary:
        named |= {(policy.stable, Arm.CONTROL), (policy.canary, Arm.CANARY)}
    if policy.shadow is not None:
        named.add((policy.shadow.release, Arm.SHADOW))
    return named
