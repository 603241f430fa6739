"""What a leader goes on with that finds something else in Redis than it wrote: pure."""

from dataclasses import dataclass

from services.domain.traffic import Policy, PolicyError
from services.domain.traffic_document import parse
from services.rollout.changes import Change, Moment, Said, changed, rewritten, taken_back
from services.rollout.document import DocumentError, parse_record
from services.rollout.record import Kind, Record
from services.rollout.spec import SpecError, parse_spec
from services.rollout.store import Found

ANEW = "the step begins anew"


@dataclass(frozen=True, slots=True)
class Held:
    """What Redis holds, as far as it can be read.

    Attributes:
        record: None: none, or not readable.
        policy: None: none, or not readable.
        missing: whether there is no policy.
        problems: what cannot be read, for people.
    """

    record: Record | None
    policy: Policy | None
    missing: bool
    problems: tuple[str, ...]


def understood(found: Found) -> Held:
    """What was found."""
    record, policy, problems = None, None, []
    try:
        record = None if found.record is None else parse_record(found.record)
    except DocumentError as error:
        problems.append(str(error))
    try:
        policy = None if found.policy is None else parse(found.policy)
    except PolicyError as error:
        problems.append(f"the traffic policy is malformed: {error}")
    return Held(record, policy, found.policy is None, tuple(problems))


def recovered(
    mine: Record | None, held: Held, moment: Moment, taken: bool
) -> tuple[Record | None, Change | None]:
    """The rollout to go on with, and what has to be written before.

    A Redis that came back with an older state gets the newer one again. What is newer than one's
    own was written by another leader, or by an own commit whose answer was lost.

    Args:
        mine: what this process wrote or read last.
        held: what Redis holds.
        moment: now.
        taken: whether the lease was just taken: others may have led meanwhile.
    """
    older = is_older(held, mine)
    record = mine if older else held.record
    if record is None:
        return None, None
    if record.ended:
        return record, _end_restored(record, held, moment, older)
    if unknown(record, held, moment):
        seen = f"gateways have seen traffic policy {moment.version - 1}, which Redis has lost"
        reasons = (seen, "it may have taken the release back")
        return record, taken_back(record, moment, Said(Kind.ROLL_BACK, reasons))
    if older or held.policy != record.policy:
        why = "record" if older else "traffic policy"
        reasons = (f"Redis had another {why} than was written", ANEW)
        return record, _gone_on(record, held, moment, Said(Kind.RESTORED, reasons))
    if taken or record != mine:
        reasons = ("a new leader, or the same after it stood still", ANEW)
        return record, _gone_on(record, held, moment, Said(Kind.TAKEN_UP, reasons))
    return record, None


def is_older(held: Held, mine: Record | None) -> bool:
    """Whether Redis lost what this process wrote or read."""
    return mine is not None and (held.record is None or held.record.at < mine.at)


def unknown(record: Record, held: Held, moment: Moment) -> bool:
    """Whether gateways have seen a newer policy than there is: a decision is lost for good."""
    known = record.policy.version if held.policy is None else held.policy.version
    return moment.version - 1 > max(known, record.policy.version)


def _gone_on(record: Record, held: Held, moment: Moment, said: Said) -> Change:
    try:
        steps = len(parse_spec(record.spec).steps)
        if not 0 <= record.step < steps - 1:
            raise SpecError(f"it has no step {record.step + 1} of {steps}")
    except SpecError as error:
        reasons = (f"its plan cannot be followed any more: {error}",)
        return taken_back(record, moment, Said(Kind.ROLL_BACK, reasons))
    newer = held.policy is not None and held.policy.version > record.policy.version
    return rewritten(record, moment, said, held.policy if newer and held.policy else record.policy)


def _end_restored(record: Record, held: Held, moment: Moment, older: bool) -> Change | None:
    """Of a rollout that has ended only the loss is made good: others may change the policy then.

    A policy that cannot be read is left to those who wrote it.
    """
    said = Said(Kind.RESTORED, ("Redis had an older state than was written",))
    if held.missing or (held.policy and held.policy.version < record.policy.version):
        return rewritten(record, moment, said, record.policy)
    return changed(record, moment, said) if older else None
