"""What became of one item on the way of a request. Pure."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from services.domain.arrays import F32, I32, U64
from services.domain.candidates import best_first
from services.domain.context import RequestContext
from services.domain.hard_rules import allowed
from services.domain.ids import item_key, item_keys
from services.domain.stages import Dropped
from services.gateway.explain.explanation import ItemAtStage, ItemReport
from services.gateway.fallback import has_labels, labelled
from services.gateway.release import GatewayRelease
from services.gateway.takedown import out_reason
from services.gateway.trace import Step, Trace


def item_report(item_id: str, trace: Trace, release: GatewayRelease) -> ItemReport:
    """Where the item was lost and why, and its place and score at each stage it reached."""
    row = trace.items.row_of(item_id)
    reason = taken_down(item_id, trace)
    if row is None:
        if not reason:
            reason = _not_here(item_id, trace, release)
        return ItemReport(item_id, "", "recall", reason, 0, ())
    if reason:
        return ItemReport(item_id, trace.items.text(row).title, "recall", reason, 0, ())
    stages = (
        _at_recall(row, trace, release),
        *_at_prerank(row, trace),
        *_at_rank(row, trace, release),
        *_at_rerank(row, trace),
    )
    lost_at, reason = _fate(row, trace, release)
    position = _position(row, trace.slate.rows)
    return ItemReport(item_id, trace.items.text(row).title, lost_at, reason, position, stages)


def taken_down(item_id: str, trace: Trace) -> str:
    """Why the item may be in no answer: hidden, deleted or expired; empty when it may."""
    return out_reason(trace.items.table, item_key(item_id), trace.request.request.now)


def _not_here(item_id: str, trace: Trace, release: GatewayRelease) -> str:
    key = item_keys([item_id])
    record = trace.items.table.get(int(key[0]))
    if record is None or not record.put_at:
        return f"unknown item: neither release {release.id} nor the item table has it"
    why = _not_for(trace, key, partial(has_labels, record)) or "it is newer than the release"
    return _instead(trace, why) or f"not recalled by any channel: {why}"


def _fate(row: int, trace: Trace, release: GatewayRelease) -> tuple[str, str]:
    """Stage that dropped the item and why; both empty when it is in the list."""
    if _position(row, trace.slate.rows):
        return "", ""
    if not _position(row, trace.recalled.candidates.rows):
        return "recall", _not_recalled(row, trace, release)
    if not _position(row, trace.preranked.candidates.rows):
        at, count = _prerank_position(row, trace)
        whose = "" if trace.prerank is not None else " in recall's order (prerank was skipped)"
        only = len(trace.preranked.candidates)
        why = f"only {only} go on" if at > only else f"new items have the last of {only} places"
        return "prerank", f"position {at} of {count}{whose}, {why}"
    return _not_shown(row, trace, release)


def _not_recalled(row: int, trace: Trace, release: GatewayRelease) -> str:
    if stood_in := _instead(trace, _not_popular(row, trace, release)):
        return stood_in
    dropped = _drop(row, trace)
    if dropped is None:
        why = _not_asked_for(np.array([row], np.int32), trace)
        return f"not recalled by any channel: {why}" if why else "not recalled by any channel"
    names = release.channel_names(int(dropped.channels[_position(row, dropped.rows) - 1]))
    return f"{dropped.reason}; recalled by {', '.join(names)}" if names else dropped.reason


def _instead(trace: Trace, why: str) -> str:
    """What is said when recall was skipped; empty when it was not."""
    failure = _step("recall", trace).failure
    if failure is None:
        return ""
    return f"recall was skipped ({failure.reason.value}), the popular list stood in: {why}"


def _not_popular(row: int, trace: Trace, release: GatewayRelease) -> str:
    rows = np.array([row], np.int32)
    if why := _not_asked_for(rows, trace):
        return why
    return "not popular enough" if allowed(rows, release.blocked)[0] else "blocked"


def _not_asked_for(rows: I32, trace: Trace) -> str:
    """`_not_for` of the item of a row, int32 [1]."""
    view = trace.items
    return _not_for(trace, view.keys(rows), lambda r: bool(labelled(rows, view, r)[0]))


def _not_for(trace: Trace, key: U64, fits: Callable[[RequestContext], bool]) -> str:
    """Why no channel may find an item for this user and request: uint64 [1]; empty: it may.

    `fits`: whether it has the categories and tags of a request.
    """
    request = trace.request.request
    if trace.context.has_seen(key)[0]:
        return "seen"
    if np.isin(key, request.exclude)[0]:
        return "excluded"
    if not fits(replace(request, tags=())):
        return "category"
    return "" if fits(request) else "tag"


def _not_shown(row: int, trace: Trace, release: GatewayRelease) -> tuple[str, str]:
    """Why an item that was ranked is not in the final list."""
    at, count = _position(row, trace.ranked.candidates.rows), len(trace.ranked.candidates)
    failure = _step("rerank", trace).failure
    if failure is not None:
        if not allowed(np.array([row], np.int32), release.blocked)[0]:
            return "rerank", "blocked"
        return "rank", f"position {at} of {count}, only {len(trace.slate.rows)} are shown"
    removed = [note.rule for note in trace.notes if note.row == row and note.effect == "removed"]
    if removed:
        return "rerank", f"removed by the rule {removed[0]}"
    return "rerank", f"position {at} of {count} after rank, {len(trace.slate.rows)} are shown"


def _at_recall(row: int, trace: Trace, release: GatewayRelease) -> ItemAtStage:
    candidates = trace.recalled.candidates
    at = _position(row, candidates.rows)
    key = trace.items.keys(np.array([row], np.int32))
    notes = ["seen by the user"] if trace.context.has_seen(key)[0] else []
    if not at:
        return ItemAtStage("recall", 0, 0.0, tuple(notes))
    scores = candidates.recall_scores[at - 1].tolist()
    mask = int(candidates.channels[at - 1])
    for name, score in zip(release.channels, scores, strict=True):
        if name in release.channel_names(mask):
            notes.append(f"{name} {score:.4g}")
    return ItemAtStage("recall", at, 1 / at, tuple(notes))


def _at_prerank(row: int, trace: Trace) -> tuple[ItemAtStage, ...]:
    before = _position(row, trace.recalled.candidates.rows)
    if not before or trace.prerank is None:
        return ()
    score = float(trace.prerank.blended[before - 1])
    return (ItemAtStage("prerank", _prerank_position(row, trace)[0], score, ()),)


def _at_rank(row: int, trace: Trace, release: GatewayRelease) -> tuple[ItemAtStage, ...]:
    at = _position(row, trace.ranked.candidates.rows)
    if not at or trace.rank is None:
        return ()
    notes: tuple[str, ...] = ()
    if trace.ranked.tasks is not None:
        tasks = trace.ranked.tasks[at - 1].tolist()
        notes = tuple(f"{n} {p:.4g}" for n, p in zip(release.tasks, tasks, strict=True))
    return (ItemAtStage("rank", at, float(trace.ranked.scores[at - 1]), notes),)


def _at_rerank(row: int, trace: Trace) -> tuple[ItemAtStage, ...]:
    at = _position(row, trace.slate.rows)
    notes = tuple(f"{note.rule} {note.effect}" for note in trace.notes if note.row == row)
    if not at and not notes:
        return ()
    score = float(trace.slate.scores[at - 1]) if at else 0.0
    return (ItemAtStage("rerank", at, score, notes),)


def _prerank_position(row: int, trace: Trace) -> tuple[int, int]:
    """Place of a recalled item in the order of prerank, or of recall when it was skipped."""
    rows = trace.recalled.candidates.rows
    if trace.prerank is not None:
        scores: F32 = trace.prerank.blended
        rows = rows[best_first(scores, len(scores))]
    return _position(row, rows), len(rows)


def _drop(row: int, trace: Trace) -> Dropped | None:
    for dropped in trace.recalled.dropped:
        if _position(row, dropped.rows):
            return dropped
    return None


def _step(stage: str, trace: Trace) -> Step:
    return next(step for step in trace.steps if step.stage == stage)


def _position(row: int, rows: I32) -> int:
    """Place of a row, from 1; 0 when it is not there."""
    at = np.flatnonzero(rows == row)
    return int(at[0]) + 1 if len(at) else 0
