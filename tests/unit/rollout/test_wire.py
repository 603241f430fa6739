"""What is told of a rollout comes through the wire as it was."""

from dataclasses import replace

import pytest
from recsys.rollout.v1 import rollout_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.rollout import record, wire
from services.rollout.phase import Phase
from services.rollout.verdict import Kind, Verdict
from tests.unit.rollout.samples import LOOK, RECORD, SHADOW, SHADOWED, VIEW


@pytest.mark.parametrize("phase", Phase)
def test_a_rollout(phase: Phase) -> None:
    one = replace(RECORD, phase=phase, ended_at=1_700_000_070.0)
    assert wire.decode_rollout(wire.encode_rollout(one)) == one


@pytest.mark.parametrize("kind", record.Kind)
def test_an_entry(kind: record.Kind) -> None:
    one = replace(LOOK, kind=kind)
    assert wire.decode_entry(wire.encode_entry(one)) == one


@pytest.mark.parametrize("kind", Kind)
def test_a_verdict(kind: Kind) -> None:
    one = replace(LOOK, verdicts=(Verdict(kind, "slow", "why", {"canary": 0.25}),))
    assert wire.decode_entry(wire.encode_entry(one)) == one


def test_an_entry_about_the_shadow_has_no_phase() -> None:
    message = wire.encode_entry(SHADOWED)
    assert message.phase == pb.PHASE_UNSPECIFIED
    assert wire.decode_entry(message) == SHADOWED


@pytest.mark.parametrize(
    "view", [VIEW, replace(VIEW, look=None), replace(VIEW, record=None, look=None, gateways=())]
)
def test_a_view(view: record.View) -> None:
    assert wire.decode_view(wire.encode_view(view)) == view


@pytest.mark.parametrize("view", [SHADOW, record.ShadowView("", 0.0, 0, {}, (), ())])
def test_a_shadow(view: record.ShadowView) -> None:
    assert wire.decode_shadow(wire.encode_shadow(view)) == view


def test_what_a_newer_service_says_is_not_guessed() -> None:
    for number in (0, 99):
        message = wire.encode_rollout(RECORD)
        message.phase = number  # type: ignore[assignment]
        with pytest.raises(ValueError, match=f"Phase {number} is not known here"):
            wire.decode_rollout(message)
    with pytest.raises(ValueError, match="policy"):
        wire.decode_rollout(pb.Rollout(phase="PHASE_RUNNING", policy='{"version": 1, "x": 2}'))


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (pb.PauseRolloutRequest(by=" "), "by: who asks"),
        (pb.StopShadowRequest(), "by: who asks"),
        (pb.PauseRolloutRequest(by="b" * 201), "by: at most 200 characters"),
        (pb.AbortRolloutRequest(by="b", why="w" * 1001), "why: at most 1000 characters"),
        (pb.StartRolloutRequest(by="b", spec="s" * 65537), "spec: at most 65536 characters"),
    ],
)
def test_limits(request_: object, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem):
        wire.checked(request_)


def test_within_the_limits() -> None:
    wire.checked(pb.StartRolloutRequest(by="b" * 200, spec="s" * 65536))
    wire.checked(pb.PromoteRolloutRequest(by="b", why="w" * 1000))
