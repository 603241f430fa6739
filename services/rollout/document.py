"""Records and entries of the audit log as JSON documents."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from services.domain import traffic_document
from services.rollout.phase import Phase
from services.rollout.record import Entry, Kind, Record
from services.rollout.verdict import Kind as Said
from services.rollout.verdict import Verdict

_WRONG = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


class DocumentError(ValueError):
    """A document that cannot be read; the message says what is wrong with it."""


def dump_record(record: Record) -> str:
    """The document of a record; `parse_record` gives it back."""
    given = {name: getattr(record, name) for name in _RECORD}
    policy = json.loads(traffic_document.dump(record.policy))
    return json.dumps({**given, "policy": policy}, allow_nan=False)


def parse_record(document: bytes | str) -> Record:
    """The record in a document; raises DocumentError."""
    try:
        raw = json.loads(document)
        policy = traffic_document.parse(json.dumps(raw["policy"]))
        given = {name: kind(raw[name]) for name, kind in _RECORD.items()}
        return Record(policy=policy, **given)
    except _WRONG as error:
        raise DocumentError(f"the record of the rollout cannot be read: {error!r}") from None


def dump_entry(entry: Entry) -> str:
    """The document of an entry, all but its id; `parse_entry` gives it back."""
    given = asdict(replace(entry, id=""))
    del given["id"]
    return json.dumps(given, allow_nan=False)


def parse_entry(entry: str, document: bytes | str) -> Entry:
    """The entry in a document; `entry` is its id. Raises DocumentError."""
    try:
        raw = json.loads(document)
        given = {name: kind(raw[name]) for name, kind in _ENTRY.items()}
        return Entry(
            reasons=tuple(map(str, raw["reasons"])),
            verdicts=tuple(map(_verdict, raw["verdicts"])),
            arms={str(arm): _numbers(counts) for arm, counts in raw["arms"].items()},
            id=entry,
            **given,
        )
    except _WRONG as error:
        raise DocumentError(f"entry {entry} of the log cannot be read: {error!r}") from None


_RECORD: dict[str, Any] = {
    "version": int,
    "at": float,
    "rollout": str,
    "release": str,
    "stable": str,
    "spec": str,
    "phase": Phase,
    "step": int,
    "since": float,
    "why": str,
    "by": str,
    "started_at": float,
    "ended_at": float,
}
_ENTRY: dict[str, Any] = {
    "kind": Kind,
    "at": float,
    "rollout": str,
    "by": str,
    "phase": str,
    "step": int,
    "percent": float,
    "policy_version": int,
    "leader": str,
}


def _verdict(raw: Any) -> Verdict:
    numbers = _numbers(raw["numbers"])
    return Verdict(Said(raw["kind"]), str(raw["guard"]), str(raw["reason"]), numbers)


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in raw.items()}
