"""From the trace of a request to its explanation: what each stage had, kept and dropped. Pure."""

from collections import Counter
from collections.abc import Mapping

from services.domain.arrays import F32, I32
from services.domain.stages import ChannelReport
from services.gateway.answer import Answer
from services.gateway.explain.explanation import Explanation, StageReport, TopItem
from services.gateway.explain.item_report import item_report
from services.gateway.fallback import place_scores
from services.gateway.item_view import ItemView
from services.gateway.release import GatewayRelease
from services.gateway.trace import Step, Trace

TOP = 20


def explain(trace: Trace, release: GatewayRelease, answer: Answer, item_id: str) -> Explanation:
    """The explanation of a request; `item_id`: the item to look for, empty for none."""
    stages = tuple(_stage(step, trace) for step in trace.steps)
    item = item_report(item_id, trace, release) if item_id else None
    return Explanation(answer, stages, item)


def _stage(step: Step, trace: Trace) -> StageReport:
    notes = list(_notes(step.stage, trace))
    if step.failure is not None:
        message = f": {step.failure.message}" if step.failure.message else ""
        notes.insert(0, f"skipped, {step.failure.reason.value}{message}")
    return StageReport(
        step.stage,
        step.received,
        step.kept,
        step.seconds,
        step.failure,
        _dropped(step, trace),
        _top(step.stage, trace),
        tuple(notes),
    )


def _dropped(step: Step, trace: Trace) -> Mapping[str, int]:
    if step.stage == "recall":
        dropped = Counter({drop.reason: len(drop.rows) for drop in trace.recalled.dropped})
        dropped["hidden"] += len(trace.taken_down)
        return {reason: count for reason, count in dropped.items() if count}
    lost = step.received - step.kept
    if step.stage == "prerank":
        return {"position": lost} if lost else {}
    if step.stage == "rerank":
        removed = Counter(note.rule for note in trace.notes if note.effect == "removed")
        beyond = lost - removed.total()
        return {**removed, **({"position": beyond} if beyond > 0 else {})}
    return {}


def _top(stage: str, trace: Trace) -> tuple[TopItem, ...]:
    match stage:
        case "recall":
            rows = trace.recalled.candidates.rows
            return _top_items(rows, place_scores(len(rows)), trace.items)
        case "prerank":
            ranking = trace.preranked
        case "rank":
            ranking = trace.ranked
        case "rerank":
            return _top_items(trace.slate.rows, trace.slate.scores, trace.items)
        case _:
            return ()
    return _top_items(ranking.candidates.rows, ranking.scores, trace.items)


def _top_items(rows: I32, scores: F32, view: ItemView) -> tuple[TopItem, ...]:
    items = []
    for at, (row, score) in enumerate(
        zip(rows[:TOP].tolist(), scores[:TOP].tolist(), strict=True), start=1
    ):
        text = view.text(row)
        items.append(TopItem(text.item_id, text.title, at, score))
    return tuple(items)


def _notes(stage: str, trace: Trace) -> tuple[str, ...]:
    match stage:
        case "feature_store":
            context = trace.context
            known = "known" if context.known else "unknown"
            return (
                f"user {known}",
                f"history of {len(context.history)} events",
                f"about {context.seen.count()} items seen",
                *(f"{name}={value}" for name, value in sorted(context.profile.items())),
            )
        case "recall":
            return tuple(_channel_note(report) for report in trace.recalled.reports)
        case "rerank":
            effects = Counter((note.rule, note.effect) for note in trace.notes)
            return tuple(f"{rule} {effect} {n}" for (rule, effect), n in sorted(effects.items()))
        case _:
            return ()


def _channel_note(report: ChannelReport) -> str:
    note = f"{report.channel}: fetched {report.fetched}, kept {report.kept}"
    note += f", {report.seconds * 1000:.1f} ms"
    return f"{note}, skipped, {report.failure.reason.value}" if report.failure else note
