"""The step that runs, and a look at it: any leader decides the same from the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport
from services.rollout import readiness
from services.rollout.changes import Change, Moment, Said, entry_of, stepped, taken_back
from services.rollout.controller import Decision, State, decide
from services.rollout.evidence import Evidence, EvidenceError
from services.rollout.ledger import Ledger, entered, opened
from services.rollout.phase import Phase
from services.rollout.record import Entry, Kind, Record
from services.rollout.spec import Spec, parse_spec
from services.rollout.store import Reports
from services.rollout.verdict import Kind as Verdicts

COUNTS = (
    *("requests", "errors", "degraded", "short", "measured", "compared"),
    *("user_clicks", "user_conversions"),
)
"""What an entry has of each arm, beside the number of blocks."""

TRIED_SECONDS = 5.0
"""After the start of a rollout: what stages refused before is tried again by then."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the leader knows of the running step; nobody else does.

    Attributes:
        spec: the plan.
        ledger: the evidence since the step began.
        look: the last look at it; None: there was none.
    """

    spec: Spec
    ledger: Ledger
    look: Entry | None = None


def begun(record: Record, now: float, reports: Iterable[GatewayReport]) -> Trial:
    """A trial without evidence; raises SpecError."""
    return Trial(parse_spec(record.spec), opened(now, reports))


def after(
    trial: Trial | None, before: Record | None, record: Record, now: float, heard: Reports
) -> Trial | None:
    """The trial once a record was written in place of another: each step has its own."""
    if record.ended:
        return None
    same = before is not None and (before.rollout, before.step, before.since) == (
        *(record.rollout, record.step),
        record.since,
    )
    return trial if same and trial is not None else begun(record, now, heard.reports)


def due(record: Record, trial: Trial, now: float, slack: float) -> bool:
    """Whether to look: always while it is prepared, then once a block; `slack`: seconds early."""
    if record.phase is Phase.PREPARING:
        return True
    return now >= trial.ledger.until + trial.spec.block_seconds - slack


def look(
    record: Record, trial: Trial, moment: Moment, heard: Reports
) -> tuple[Trial, Change | Entry | None]:
    """One look of the leader.

    Returns:
        The trial with the look; and what changes, or the entry of a decision to hold, or nothing.
    """
    if record.phase is Phase.PREPARING:
        return _prepared(record, trial, moment, heard)
    releases = {Arm.CONTROL: record.stable, Arm.CANARY: record.release}
    try:
        ledger = entered(trial.ledger, moment.now, releases, heard.reports)
    except EvidenceError as error:
        # Gateways of another version replaced all that there were. It is begun anew.
        said = Said(Kind.HOLD, (f"the evidence cannot be added up: {error}",))
        entry = entry_of(record, moment, said)
        return replace(trial, ledger=opened(moment.now, heard.reports), look=entry), entry
    state = State(record.step, record.since, paused=record.phase is Phase.PAUSED)
    decision = decide(state, trial.spec, moment.now, ledger.control, ledger.canary)
    decision = _everywhere(decision, record, heard, ledger)
    said = Said(
        Kind(decision.kind.value),
        decision.reasons,
        verdicts=decision.verdicts,
        arms={"control": _counts(ledger.control), "canary": _counts(ledger.canary)},
    )
    found = _decided(record, trial.spec, moment, said)
    entry = found.entry if isinstance(found, Change) else found
    return replace(trial, ledger=ledger, look=entry), found


def _prepared(
    record: Record, trial: Trial, moment: Moment, heard: Reports
) -> tuple[Trial, Change | None]:
    """The first step, the end, or what is waited for: that is shown, and not in the log."""
    refused = readiness.refusals(heard.reports, record.policy)
    if refused and moment.now >= record.started_at + TRIED_SECONDS:
        return trial, taken_back(record, moment, Said(Kind.REFUSED, refused))
    if lacking := readiness.all_lack(heard, record.policy):
        return replace(trial, look=entry_of(record, moment, Said(Kind.HOLD, lacking))), None
    reasons = tuple(f"gateway {report.gateway} has it loaded" for report in heard.reports)
    return trial, stepped(record, trial.spec, moment, Said(Kind.PREPARED, reasons), 0)


def _everywhere(decision: Decision, record: Record, heard: Reports, ledger: Ledger) -> Decision:
    """No step while a gateway could not serve it, or something was not counted."""
    lacking: tuple[str, ...] = ledger.left_out
    if decision.kind is Verdicts.ADVANCE:
        lacking += readiness.all_lack(heard, record.policy)
    if decision.kind is Verdicts.ROLL_BACK or not lacking:
        return decision
    reasons = decision.reasons if decision.kind is Verdicts.HOLD else ()
    return replace(decision, kind=Verdicts.HOLD, reasons=(*lacking, *reasons))


def _decided(record: Record, spec: Spec, moment: Moment, said: Said) -> Change | Entry:
    if said.kind is Kind.ROLL_BACK:
        return taken_back(record, moment, said)
    if said.kind is Kind.ADVANCE:
        return stepped(record, spec, moment, said, record.step + 1)
    return entry_of(record, moment, said)


def _counts(evidence: Evidence) -> Mapping[str, float]:
    sums = {name: float(np.sum(getattr(evidence, name))) for name in COUNTS}
    known = {name: value for name, value in sums.items() if np.isfinite(value)}
    return {"blocks": float(len(evidence.ends)), **known}
