"""Records and entries as documents."""

import json
from dataclasses import replace
from typing import Any

import pytest

from services.domain.traffic import Layer, LayerArm, Policy, Shadow
from services.rollout.document import (
    DocumentError,
    dump_entry,
    dump_record,
    parse_entry,
    parse_record,
)
from services.rollout.phase import Phase
from services.rollout.record import Entry, Kind, Record
from services.rollout.spec import Spec
from services.rollout.store import MOST_LOOKS
from services.rollout.verdict import Kind as Said
from services.rollout.verdict import Verdict
from services.rollout.wire import decode_entry, encode_entry
from tests.rollouts import SPEC
from tests.unit.rollout.samples import look_of_all_guards

LAYER = Layer("ranking", "ranking-1", (LayerArm("a", 50.0, {"x": 1.0, "y": "z"}),))
RECORD = Record(
    version=7,
    at=12.5,
    rollout="id",
    release="r2",
    stable="r1",
    spec=SPEC,
    phase=Phase.PAUSED,
    step=1,
    since=11.25,
    why="paused by ann: « why »",
    by="ann",
    started_at=10.0,
    ended_at=0.0,
    policy=Policy(5, "r1", "r2", 10.0, 10.0, "salt", (LAYER,), 10.0, Shadow("r2", 5.0)),
)
ENTRY = Entry(
    kind=Kind.ROLL_BACK,
    at=12.5,
    rollout="id",
    by="leader",
    phase="rolled back",
    step=1,
    percent=0.0,
    policy_version=6,
    reasons=("errors: worse",),
    verdicts=(Verdict(Said.ROLL_BACK, "errors", "worse", {"canary": 0.1, "evidence": 1e5}),),
    arms={"canary": {"requests": 10.0}},
    leader="one",
    id="1-0",
)


def test_what_is_written_is_read() -> None:
    assert parse_record(dump_record(RECORD)) == RECORD
    assert parse_entry("1-0", dump_entry(ENTRY).encode()) == ENTRY


@pytest.mark.parametrize("field", [*json.loads(dump_record(RECORD))])
def test_a_record_without_a_field_or_with_a_wrong_one(field: str) -> None:
    raw = json.loads(dump_record(RECORD))
    with pytest.raises(DocumentError):
        parse_record(json.dumps({name: raw[name] for name in raw if name != field}))
    if field in ("version", "at", "phase", "step", "policy"):
        with pytest.raises(DocumentError):
            parse_record(json.dumps({**raw, field: "wrong"}))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("phase", "halted"),
        ("phase", None),
        ("step", 1 << 31),
        ("step", -1),
        ("step", 1e999),
        ("policy_version", 1 << 63),
        ("kind", "moved"),
        ("by", "\ud800"),
        ("reasons", ["\ud800"]),
        ("arms", {"\ud800": {}}),
        ("arms", {"canary": {"\ud800": 1.0}}),
        ("verdicts", [{"kind": "hold", "guard": "errors", "reason": "\ud800", "numbers": {}}]),
    ],
)
def test_an_entry_that_could_not_be_told(field: str, wrong: Any) -> None:
    """One of another version must not take the whole history with it."""
    raw = json.loads(dump_entry(ENTRY))
    with pytest.raises(DocumentError, match="entry 2-0 of the log"):
        parse_entry("2-0", json.dumps({**raw, field: wrong}))


@pytest.mark.parametrize("step", [0, (1 << 31) - 1])
@pytest.mark.parametrize("phase", ["", *Phase])
def test_an_entry_that_is_read_can_be_told(phase: str, step: int) -> None:
    entry = replace(ENTRY, phase=str(phase), step=step, policy_version=(1 << 63) - 1)
    assert decode_entry(encode_entry(parse_entry("1-0", dump_entry(entry)))) == entry


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_document(document: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_record(document)
    with pytest.raises(DocumentError):
        parse_entry("1-0", document)


def test_ten_hours_of_looks_are_some_megabytes() -> None:
    assert MOST_LOOKS * Spec.model_fields["block_seconds"].default >= 10 * 3600
    look = look_of_all_guards()
    assert all(verdict.numbers for verdict in look.verdicts)
    assert MOST_LOOKS * len(dump_entry(look)) < 30e6, "docs/state.md says how much"


def test_a_number_beyond_all() -> None:
    endless = dump_record(RECORD).replace('"step": 1', '"step": 1e999')
    with pytest.raises(DocumentError, match="infinity"):
        parse_record(endless)


def test_what_is_not_a_number_is_not_written() -> None:
    wrong = Verdict(Said.HOLD, "errors", "no data", {"canary": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_entry(replace(ENTRY, verdicts=(wrong,)))
