"""Rollouts, the audit log and the shadow ↔ protobuf."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from recsys.rollout.v1 import rollout_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.domain.traffic_document import dump, parse
from services.domain.traffic_report import Example
from services.rollout import record
from services.rollout.phase import Phase
from services.rollout.verdict import Kind, Verdict

BY, WHY, SPEC = 200, 1000, 64 * 1024
"""Most characters of a name, of a reason and of a plan."""

E = TypeVar("E", bound=StrEnum)


def checked(request: Any) -> None:
    """Refuses what is too long or lacks who asks; the rest is known to who decides.

    Raises:
        InvalidArgumentError: names the field.
    """
    fields = request.DESCRIPTOR.fields_by_name
    if "by" in fields and not request.by.strip():
        raise InvalidArgumentError("by", "who asks must be told, for the audit log")
    for name, most in (("by", BY), ("why", WHY), ("spec", SPEC)):
        if name in fields and len(getattr(request, name)) > most:
            raise InvalidArgumentError(name, f"at most {most} characters")


def encode_rollout(one: record.Record) -> pb.Rollout:
    """A rollout."""
    return pb.Rollout(
        rollout=one.rollout,
        release=one.release,
        stable=one.stable,
        spec=one.spec,
        phase=_phase(one.phase),
        step=one.step,
        percent=one.percent,
        since=one.since,
        why=one.why,
        by=one.by,
        started_at=one.started_at,
        ended_at=one.ended_at,
        version=one.version,
        at=one.at,
        policy=dump(one.policy),
    )


def decode_rollout(message: pb.Rollout) -> record.Record:
    """The rollout; ValueError when it is none."""
    return record.Record(
        version=message.version,
        at=message.at,
        rollout=message.rollout,
        release=message.release,
        stable=message.stable,
        spec=message.spec,
        phase=_known(Phase, pb.Phase, message.phase),
        step=message.step,
        since=message.since,
        why=message.why,
        by=message.by,
        started_at=message.started_at,
        ended_at=message.ended_at,
        policy=parse(message.policy),
    )


def encode_entry(entry: record.Entry) -> pb.Decision:
    """An entry of the audit log."""
    return pb.Decision(
        id=entry.id,
        kind=f"DECISION_KIND_{entry.kind.name}",
        at=entry.at,
        rollout=entry.rollout,
        by=entry.by,
        phase=_phase(Phase(entry.phase)) if entry.phase else None,
        step=entry.step,
        percent=entry.percent,
        policy_version=entry.policy_version,
        reasons=entry.reasons,
        verdicts=map(_encode_verdict, entry.verdicts),
        arms={name: pb.Arm(counts=counts) for name, counts in entry.arms.items()},
        leader=entry.leader,
    )


def decode_entry(message: pb.Decision) -> record.Entry:
    """The entry; ValueError when it is none."""
    phase = _known(Phase, pb.Phase, message.phase) if message.phase else ""
    return record.Entry(
        kind=_known(record.Kind, pb.DecisionKind, message.kind),
        at=message.at,
        rollout=message.rollout,
        by=message.by,
        phase=str(phase),
        step=message.step,
        percent=message.percent,
        policy_version=message.policy_version,
        reasons=tuple(message.reasons),
        verdicts=tuple(map(_decode_verdict, message.verdicts)),
        arms={name: dict(arm.counts) for name, arm in message.arms.items()},
        leader=message.leader,
        id=message.id,
    )


def encode_view(view: record.View) -> pb.GetRolloutResponse:
    """The response of GetRollout."""
    return pb.GetRolloutResponse(
        leader=view.leader,
        now=view.now,
        rollout=encode_rollout(view.record) if view.record else None,
        look=encode_entry(view.look) if view.look else None,
        gateways=_encode_gateways(view.gateways),
        problems=view.problems,
    )


def decode_view(message: pb.GetRolloutResponse) -> record.View:
    """The view; ValueError when it is none."""
    return record.View(
        leader=message.leader,
        now=message.now,
        record=decode_rollout(message.rollout) if message.HasField("rollout") else None,
        look=decode_entry(message.look) if message.HasField("look") else None,
        gateways=_decode_gateways(message.gateways),
        problems=tuple(message.problems),
    )


def encode_shadow(view: record.ShadowView) -> pb.Shadow:
    """The shadow."""
    return pb.Shadow(
        release=view.release,
        percent=view.percent,
        at_once=view.at_once,
        sums=view.sums,
        examples=(
            pb.ShadowExample(
                request_id=one.request_id,
                stable=one.stable,
                shadow=one.shadow,
                overlap=one.overlap,
                latency_ratio=one.latency_ratio,
            )
            for one in view.examples
        ),
        gateways=_encode_gateways(view.gateways),
    )


def decode_shadow(message: pb.Shadow) -> record.ShadowView:
    """The shadow."""
    return record.ShadowView(
        release=message.release,
        percent=message.percent,
        at_once=message.at_once,
        sums=dict(message.sums),
        gateways=_decode_gateways(message.gateways),
        examples=tuple(
            Example(
                one.request_id,
                tuple(one.stable),
                tuple(one.shadow),
                one.overlap,
                one.latency_ratio,
            )
            for one in message.examples
        ),
    )


def _encode_verdict(verdict: Verdict) -> pb.Verdict:
    return pb.Verdict(
        guard=verdict.guard,
        kind=f"VERDICT_KIND_{verdict.kind.name}",
        reason=verdict.reason,
        numbers=verdict.numbers,
    )


def _decode_verdict(message: pb.Verdict) -> Verdict:
    kind = _known(Kind, pb.VerdictKind, message.kind)
    return Verdict(kind, message.guard, message.reason, dict(message.numbers))


def _encode_gateways(gateways: Iterable[record.GatewayView]) -> list[pb.Gateway]:
    return [
        pb.Gateway(
            gateway=one.gateway,
            seconds=one.seconds,
            version=one.version,
            leased=one.leased,
            stable=one.stable,
            lacks=one.lacks,
        )
        for one in gateways
    ]


def _decode_gateways(messages: Iterable[pb.Gateway]) -> tuple[record.GatewayView, ...]:
    return tuple(
        record.GatewayView(
            one.gateway, one.seconds, one.version, one.leased, one.stable, tuple(one.lacks)
        )
        for one in messages
    )


def _phase(phase: Phase) -> str:
    return f"PHASE_{phase.name}"


def _known(kind: type[E], wire: Any, number: int) -> E:
    """The member of an enum that a number stands for; both have the same names.

    Raises:
        ValueError: a newer service sent it.
    """
    if not number or number not in wire.values():
        raise ValueError(f"{wire.DESCRIPTOR.name} {number} is not known here")
    prefix = wire.Name(0).removesuffix("UNSPECIFIED")
    return kind[wire.Name(number).removeprefix(prefix)]
