"""Where a rollout is."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a rollout is; the last three are ends."""

    PREPARING = "preparing"  # gateways and stages load the canary, which has no users
    RUNNING = "running"
    PAUSED = "paused"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"  # it had no users

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self in (Phase.PROMOTED, Phase.ROLLED_BACK, Phase.REFUSED)
