"""One lane, and where users are told their lanes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.domain.traffic import Arm, Assignment, Policy
from services.gateway.funnel import Funnel
from services.gateway.lanes.tally import Tally
from services.gateway.release import GatewayRelease
from services.gateway.resilience.guards import Guards


class Key(NamedTuple):
    """Names a lane."""

    release: str
    arm: Arm


@dataclass(frozen=True, slots=True)
class Lane:
    """Answers an arm's users from a release.

    What one lane suffers from, no other does: breakers and batches of the stages that answer from
    releases are its own. Those of the feature store are the same in all lanes.

    Attributes:
        release: that answers.
        arm: whose requests it takes.
        funnel: the way of its requests.
        guards: the stages it asks.
        tally: what it did.
    """

    release: GatewayRelease
    arm: Arm
    funnel: Funnel
    guards: Guards
    tally: Tally

    @property
    def key(self) -> Key:
        return Key(self.release.id, self.arm)


class Route(NamedTuple):
    """What serves a user.

    Attributes:
        lane: that answers.
        arms: experiment → arm the user is in.
    """

    lane: Lane
    arms: Mapping[str, str]


class Following(Protocol):
    """Knows the traffic policy."""

    @property
    def applied(self) -> Policy: ...

    def assign(self, user_id: str) -> Assignment: ...


class Loaded(Protocol):
    """The releases that are loaded in this gateway; `start` always is.

    `everywhere`: whether all stages have a release, too, as last heard.
    """

    @property
    def start(self) -> str: ...

    def get(self, release: str) -> GatewayRelease | None: ...

    def held(self) -> tuple[GatewayRelease, ...]: ...

    def everywhere(self, release: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Routing:
    """Who is to be served by what, and what there is."""

    following: Following
    loaded: Loaded

    @staticmethod
    def alone(release: GatewayRelease) -> "Routing":
        """One release for everybody, for ever."""
        one = _Alone(release)
        return Routing(one, one)


class _Alone:
    """No policy, and one release."""

    def __init__(self, release: GatewayRelease) -> None:
        self._release = release
        self.start = release.id
        self.applied = Policy(0, release.id)
        self._assignment = Assignment(release.id, Arm.STABLE)

    def assign(self, _user_id: str) -> Assignment:
        return self._assignment

    def get(self, release: str) -> GatewayRelease | None:
        return self._release if release == self.start else None

    def held(self) -> tuple[GatewayRelease, ...]:
        return (self._release,)

    def everywhere(self, release: str) -> bool:
        return release == self.start
