"""A rollout as people see it."""

import time
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recstack.cli.output import new_table
from services.rollout.phase import Phase
from services.rollout.record import Entry, GatewayView, Record, View
from services.rollout.spec import Spec, SpecError, parse_spec
from services.rollout.verdict import Kind, Verdict

ARMS = ("canary", "control")
COUNTS = {
    "requests": "requests",
    "errors": "errors",
    "degraded": "degraded",
    "short": "short lists",
    "user_clicks": "clicks",
    "user_conversions": "conversions",
    "measured": "lists measured",
    "compared": "lists compared",
    "blocks": "blocks of time",
}
"""Counts of an arm, as people call them, in their order."""

STYLES = {
    Kind.ADVANCE: "green",
    Kind.HOLD: "yellow",
    Kind.ROLL_BACK: "bold red",
    Phase.PROMOTED: "green",
    Phase.PAUSED: "yellow",
    Phase.ROLLED_BACK: "bold red",
    Phase.REFUSED: "bold red",
}
NONE = "there has been no rollout"


def rendered(view: View) -> RenderableType:
    """Where it is, both arms, what every guard says, and the gateways."""
    parts: list[RenderableType] = []
    if view.record is None:
        parts.append(Text(NONE))
    else:
        one = view.record
        parts += [Text(f"rollout {one.rollout}: {one.release} instead of {one.stable}", "bold")]
        parts += [_facts(one, view)]
        parts += _evidence(view.look) if view.look else []
    if view.gateways:
        parts += ["", _gateways(view.gateways)]
    elif view.record is None or not view.record.ended:
        parts += ["", Text("no gateway reports: is one running?", "yellow")]
    parts += [Text(f"problem: {problem}", "yellow") for problem in view.problems]
    return Group(*parts)


def line(one: Record, look: Entry | None = None) -> str:
    """Where it is, and why, in one line."""
    reasons = () if look is None or one.ended else look.reasons
    where, why = f"{one.phase}, {_step(one)}", "; ".join(reasons) or one.why
    return f"{one.rollout} {where}" + ("" if why in where else f": {why}")


def entries(found: Sequence[Entry]) -> Table:
    """The audit log, in the order given."""
    table = new_table("time", "rollout", "what", "by", "phase", "step", "users", "why")
    for one in found:
        step = (str(one.step + 1), f"{one.percent:g} %") if one.phase else ("", "")
        why = Text("\n".join(_reasons(one)))
        table.add_row(_clock(one.at), one.rollout, one.kind, Text(one.by), one.phase, *step, why)
    return table


def span(seconds: float) -> str:
    """A time as people say it: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = max(round(seconds), 0)
    for length, unit, rest_length, rest_unit in ((3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            rest = whole % length // rest_length
            return f"{whole // length} {unit}" + (f" {rest} {rest_unit}" if rest else "")
    return f"{whole} s"


def plan_of(one: Record) -> Spec | None:
    """Its plan; None when it is of another version."""
    try:
        return parse_spec(one.spec)
    except SpecError:
        return None


def _facts(one: Record, view: View) -> Table:
    table = new_table("", "")
    table.show_header = False
    table.add_row("phase", Text(one.phase, STYLES.get(one.phase, "")))
    table.add_row("step", _step(one))
    if one.ended:
        took = span(one.ended_at - one.started_at)
        table.add_row("ended", f"{_clock(one.ended_at)}, after {took}")
    elif one.since:
        table.add_row("in this step", _waited(one, view.now))
    if one.why not in _step(one):
        table.add_row("why", Text(one.why))
    table.add_row("started", Text(f"{_clock(one.started_at)} by {one.by}"))
    table.add_row("policy", f"version {one.policy.version}")
    table.add_row("leader", view.leader)
    return table


def _step(one: Record) -> str:
    plan = plan_of(one)
    of = f" of {len(plan.steps)}" if plan else ""
    if not one.since:
        return f"before step 1{of}"
    return f"step {one.step + 1}{of}, {one.percent:g} % of the users"


def _waited(one: Record, now: float) -> str:
    plan = plan_of(one)
    least = plan.steps[one.step].seconds if plan and one.step < len(plan.steps) else 0
    return span(now - one.since) + (f" of at least {span(least)}" if least else "")


def _evidence(look: Entry) -> Iterator[RenderableType]:
    """What the last look saw."""
    if look.arms:
        yield ""
        yield _arms(look)
    if look.verdicts:
        yield ""
        yield _guards(look.verdicts)
    waits = _beside_guards(look)
    if waits and look.kind.value == Kind.HOLD.value:
        yield Text(f"waits: {'; '.join(waits)}")


def _arms(look: Entry) -> Table:
    table = new_table("in this step", *ARMS)
    names = dict.fromkeys(name for arm in ARMS for name in look.arms.get(arm, ()))
    for name in (*(known for known in COUNTS if known in names), *(names.keys() - COUNTS.keys())):
        counts = (look.arms.get(arm, {}).get(name) for arm in ARMS)
        shown = ("" if count is None else f"{count:,.6g}" for count in counts)
        table.add_row(COUNTS.get(name, name), *shown)
    return table


def _guards(verdicts: Sequence[Verdict]) -> Table:
    table = new_table("guard", "says", *ARMS, "evidence", "why")
    for one in verdicts:
        values = (_value(one, name) for name in ARMS)
        says = Text(one.kind, STYLES[one.kind])
        table.add_row(one.guard, says, *values, _odds(one), Text(_why(one)))
    return table


def _gateways(gateways: Sequence[GatewayView]) -> Table:
    table = new_table("gateway", "runs", "policy", "canary has users", "stable", "lacks")
    for one in gateways:
        leased, lacks = "yes" if one.leased else "no", Text("\n".join(one.lacks), "yellow")
        version = str(one.version or "-")
        table.add_row(one.gateway, span(one.seconds), version, leased, one.stable, lacks)
    return table


def _reasons(entry: Entry) -> Iterator[str]:
    """Why; what guards say with their numbers, a line each."""
    yield from _beside_guards(entry)
    if entry.arms:
        counts = (f"{arm} {entry.arms.get(arm, {}).get('requests', 0):,.0f}" for arm in ARMS)
        yield f"requests: {', '.join(counts)}"
    for one in entry.verdicts:
        values = [f"{name} {_value(one, name)}" for name in ARMS if name in one.numbers]
        values += [f"evidence {odds}"] if (odds := _odds(one)) else []
        yield f"{one.guard} {one.kind}: {_why(one)}" + (f"; {', '.join(values)}" if values else "")


def _beside_guards(entry: Entry) -> list[str]:
    """Reasons that are no guard's."""
    guards = {f"{verdict.guard}: {verdict.reason}" for verdict in entry.verdicts}
    return [reason for reason in entry.reasons if reason not in guards]


def _why(verdict: Verdict) -> str:
    """What it says beside its numbers."""
    return verdict.reason.partition(": canary ")[0]


def _value(verdict: Verdict, name: str) -> str:
    value = verdict.numbers.get(name)
    return "" if value is None else f"{value:.4g}"


def _odds(verdict: Verdict) -> str:
    """Evidence that the canary is worse, and how much is needed, both as odds to 1."""
    evidence, threshold = (verdict.numbers.get(name) for name in ("evidence", "threshold"))
    if evidence is None or threshold is None:
        return ""
    return f"{evidence:.3g} of {threshold:,.0f}"


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
