"""What a rollout becomes, and the entry that says so: pure.

The canary's weight is set in `stepped` alone, which only the start of a step calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.domain.traffic import Policy, Shadow
from services.rollout.phase import Phase
from services.rollout.record import LEADER, Entry, Kind, Record
from services.rollout.spec import ALL, Spec
from services.rollout.verdict import Verdict

LATER = 1e-3
"""Seconds between two changes, at least."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided.

    Attributes:
        now: unix seconds.
        leader: who decides.
        version: of the next traffic policy, above all that gateways have seen.
    """

    now: float
    leader: str
    version: int


@dataclass(frozen=True, slots=True)
class Said:
    """Why something is decided; as in an Entry."""

    kind: Kind
    reasons: tuple[str, ...] = ()
    by: str = LEADER
    verdicts: tuple[Verdict, ...] = ()
    arms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A rollout from then on, and the entry of the audit log."""

    record: Record
    entry: Entry


def changed(record: Record, moment: Moment, said: Said, **fields: Any) -> Change:
    """The record with other fields, and the entry."""
    at = max(moment.now, record.at + LATER)  # the clock of another host, or one that was set
    after = replace(record, version=record.version + 1, at=at, **fields)
    return Change(after, entry_of(after, moment, said))


def entry_of(record: Record, moment: Moment, said: Said) -> Entry:
    """The entry of something that left this record."""
    return Entry(
        kind=said.kind,
        at=moment.now,
        rollout=record.rollout,
        by=said.by,
        phase=record.phase.value,
        step=record.step,
        percent=record.percent,
        policy_version=record.policy.version,
        reasons=said.reasons,
        verdicts=said.verdicts,
        arms=said.arms,
        leader=moment.leader,
    )


def started(record: Record, moment: Moment, said: Said) -> Change:
    """A rollout that is prepared: traffic names its release, which has no users yet.

    Args:
        record: of the rollout; its policy is the one before, whose layers stay.
        moment: now.
        said: by whom.
    """
    policy = replace(
        record.policy,
        version=moment.version,
        stable=record.stable,
        canary=record.release,
        weight=0.0,
        control=0.0,
        salt=f"rollout-{record.rollout}",
        shadow=None,
    )
    return changed(record, moment, said, phase=Phase.PREPARING, policy=policy)


def stepped(record: Record, spec: Spec, moment: Moment, said: Said, step: int) -> Change:
    """The begin of a step; that of 100 percent is the end."""
    percent = spec.steps[step].percent
    if percent == ALL:
        why = f"{spec.steps[step - 1].percent:g} % went well" if said.by == LEADER else said.reasons
        return _ended(record, moment, said, Phase.PROMOTED, step=step, why=_text(why))
    policy = replace(
        record.policy,
        version=moment.version,
        weight=percent,
        control=percent,
        shadow=Shadow(record.release, spec.shadow_percent) if spec.shadow_percent else None,
    )
    return changed(
        record,
        moment,
        said,
        phase=Phase.RUNNING,
        step=step,
        since=moment.now,
        why=f"step {step + 1} of {len(spec.steps)}",
        policy=policy,
    )


def taken_back(record: Record, moment: Moment, said: Said) -> Change:
    """The end, with all users on stable."""
    phase = Phase.REFUSED if said.kind is Kind.REFUSED else Phase.ROLLED_BACK
    return _ended(record, moment, said, phase, why=_text(said.reasons))


def rewritten(record: Record, moment: Moment, said: Said, layers: Policy) -> Change:
    """The same rollout with a new version of its policy, which every gateway then applies.

    The step begins anew, if one runs: what was counted is not known any more.
    """
    policy = replace(record.policy, version=moment.version, layers=layers.layers)
    since = moment.now if record.phase in (Phase.RUNNING, Phase.PAUSED) else record.since
    return changed(record, moment, said, policy=policy, since=since)


def _ended(record: Record, moment: Moment, said: Said, phase: Phase, **fields: Any) -> Change:
    policy = replace(
        record.policy,
        version=moment.version,
        stable=record.release if phase is Phase.PROMOTED else record.stable,
        canary="",
        weight=0.0,
        control=0.0,
        shadow=None,
    )
    return changed(record, moment, said, phase=phase, ended_at=moment.now, policy=policy, **fields)


def _text(reasons: str | tuple[str, ...]) -> str:
    return reasons if isinstance(reasons, str) else "; ".join(reasons)
