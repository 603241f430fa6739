"""Traffic as a test says."""

from dataclasses import dataclass, field

from services.domain.traffic import Assignment, Policy, assign
from services.gateway.release import GatewayRelease


@dataclass
class Told:
    """The policy, whose lease always holds, and the releases that are loaded."""

    applied: Policy
    releases: dict[str, GatewayRelease] = field(default_factory=dict)
    start: str = "r1"
    partly: set[str] = field(default_factory=set)
    """Releases that some stage lacks."""

    def assign(self, user_id: str) -> Assignment:
        return assign(user_id, self.applied)

    def get(self, release: str) -> GatewayRelease | None:
        return self.releases.get(release)

    def everywhere(self, release: str) -> bool:
        return release in self.releases and release not in self.partly

    def held(self) -> tuple[GatewayRelease, ...]:
        return tuple(self.releases.values())
