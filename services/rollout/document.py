"""Records and entries of the audit log as JSON documents."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
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
            reasons=tuple(map(_text, raw["reasons"])),
            verdicts=tuple(map(_verdict, raw["verdicts"])),
            arms={_text(arm): _numbers(counts) for arm, counts in raw["arms"].items()},
            id=entry,
            **given,
        )
    except _WRONG as error:
        raise DocumentError(f"entry {entry} of the log cannot be read: {error!r}") from None


def _text(raw: Any) -> str:
    text = str(raw)
    text.encode()  # half of a surrogate pair is JSON, and no text that could be sent
    return text


def _whole(bits: int, raw: Any) -> int:
    number = int(raw)
    if not 0 <= number < 1 << bits:
        raise ValueError(f"a number from 0 to below 2^{bits} expected")
    return number


def _phase(raw: Any) -> str:
    """Of an entry: none when it is about the shadow."""
    return "" if raw == "" else Phase(raw).value


_RECORD: dict[str, Any] = {
    "version": partial(_whole, 63),
    "at": float,
    "rollout": _text,
    "release": _text,
    "stable": _text,
    "spec": _text,
    "phase": Phase,
    "step": partial(_whole, 31),
    "since": float,
    "why": _text,
    "by": _text,
    "started_at": float,
    "ended_at": float,
}
_ENTRY: dict[str, Any] = {
    "kind": Kind,
    "at": float,
    "rollout": _text,
    "by": _text,
    "phase": _phase,
    "step": partial(_whole, 31),
    "percent": float,
    "policy_version": partial(_whole, 63),
    "leader": _text,
}
"""How to read each field: what is read fits the messages of the service too."""


def _verdict(raw: Any) -> Verdict:
    numbers = _numbers(raw["numbers"])
    return Verdict(Said(raw["kind"]), _text(raw["guard"]), _text(raw["reason"]), numbers)


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    return {_text(name): float(value) for name, value in raw.items()}
