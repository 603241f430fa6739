"""What the leader decides on."""

from dataclasses import dataclass

from services.domain.traffic import Policy
from services.domain.traffic_report import GatewayReport
from services.rollout.changes import Change, Moment
from services.rollout.record import Entry, Record
from services.rollout.recovery import Held
from services.rollout.store import Found, Reports
from services.rollout.trial import Trial


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is known at a moment.

    Attributes:
        moment: when, and by whom.
        found: what Redis holds, as documents.
        held: the same, understood.
        record: the rollout; None: there never was one.
        trial: the step that runs.
        heard: from gateways.
    """

    moment: Moment
    found: Found
    held: Held
    record: Record | None
    trial: Trial | None
    heard: Reports

    @property
    def active(self) -> Record | None:
        """The rollout, if it has not ended."""
        return self.record if self.record is not None and not self.record.ended else None

    @property
    def policy(self) -> Policy | None:
        """What traffic follows; None: there is none, or it cannot be read."""
        return self.active.policy if self.active else self.held.policy

    @property
    def reports(self) -> tuple[GatewayReport, ...]:
        return self.heard.reports

    @property
    def problems(self) -> tuple[str, ...]:
        return (*self.held.problems, *self.heard.problems)


Act = Change | Entry | None
"""What comes of a look: another record, an entry alone, or nothing."""
