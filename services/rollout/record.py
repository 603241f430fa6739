"""What is kept of a rollout, and what is shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.domain.traffic import Policy
from services.domain.traffic_report import Example
from services.rollout.phase import Phase
from services.rollout.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Record:
    """The rollout that runs, or the last one.

    Attributes:
        version: grows with every change.
        at: of the last change, unix seconds; later than the change before, whatever clocks say.
        rollout: id.
        release: the one on trial.
        stable: the one it is compared with.
        spec: the plan, YAML.
        phase: where it is.
        step: place of the step in the plan, from 0.
        since: when the step began, unix seconds; 0 while it is prepared.
        why: how it came to the phase.
        by: who started it.
        started_at: unix seconds.
        ended_at: unix seconds; 0: not ended.
        policy: the traffic policy that was written with it.
    """

    version: int
    at: float
    rollout: str
    release: str
    stable: str
    spec: str
    phase: Phase
    step: int
    since: float
    why: str
    by: str
    started_at: float
    ended_at: float
    policy: Policy

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.phase.ended

    @property
    def percent(self) -> float:
        """Of the users, on the release on trial; 100 once it is the stable one."""
        return 100.0 if self.phase is Phase.PROMOTED else self.policy.weight


class Kind(StrEnum):
    """What an entry of the audit log is about."""

    STARTED = "started"
    PREPARED = "prepared"  # the first step begins
    REFUSED = "refused"
    ADVANCE = "advance"
    HOLD = "hold"
    ROLL_BACK = "roll back"
    PROMOTED = "promoted"  # the next step by hand
    PAUSED = "paused"
    RESUMED = "resumed"
    ABORTED = "aborted"
    TAKEN_UP = "taken up"  # by a new leader, or after a freeze: the step begins anew
    RESTORED = "restored"  # Redis came back with an older state
    SHADOW_STARTED = "shadow started"
    SHADOW_STOPPED = "shadow stopped"


LEADER = "leader"
"""Who decided, where it was no person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision or command, as the audit log has it.

    Attributes:
        kind: what it is about.
        at: unix seconds.
        rollout: id; empty for the shadow.
        by: a person, or LEADER.
        phase: of the rollout from then on; empty for the shadow.
        step: place of the step from then on, from 0.
        percent: of the users on the canary from then on.
        policy_version: of the traffic policy from then on.
        reasons: why, for people.
        verdicts: of all guards, with their numbers; empty for commands.
        arms: counts of the step so far by arm, such as {"control": {"requests": 210.0}}.
        leader: who led.
        id: of the entry in the log; empty before it is there.
    """

    kind: Kind
    at: float
    rollout: str
    by: str
    phase: str = ""
    step: int = 0
    percent: float = 0.0
    policy_version: int = 0
    reasons: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    arms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    leader: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway that lives.

    Attributes:
        gateway: id.
        seconds: since it began.
        version: of the policy it applies.
        leased: whether the canary and the control group have users there now.
        stable: what answers everybody else there.
        lacks: what it lacks to take part, for people; empty: nothing.
    """

    gateway: str
    seconds: float
    version: int
    leased: bool
    stable: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A rollout as it is now.

    Attributes:
        leader: name of the process that leads.
        now: unix seconds.
        record: the rollout that runs, or the last one; None: there never was one.
        look: the last look at the evidence of this step: its verdicts, reasons and counts by arm;
            None: there was none yet.
        gateways: those that live.
        problems: what the leader cannot read, such as a malformed policy or report.
    """

    leader: str
    now: float
    record: Record | None
    look: Entry | None
    gateways: tuple[GatewayView, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShadowView:
    """The shadow as it is now; of gateways that live, counted since each began.

    Attributes:
        release: that answers copies of requests; empty: there is none.
        percent: of the requests that are copied.
        at_once: copies that a gateway runs at one time, at most.
        sums: of all gateways, by name, such as compared and overlap.
        examples: of all gateways, a few of the last requests.
        gateways: those that live.
    """

    release: str
    percent: float
    at_once: int
    sums: Mapping[str, float]
    examples: tuple[Example, ...]
    gateways: tuple[GatewayView, ...]
