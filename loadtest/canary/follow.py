"""A rollout from its start to its end, as its audit log tells it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from loadtest.canary.outcome import Decided
from recstack.rollouts import Rollouts
from services.rollout.record import Entry, Kind, Record, View
from services.rollout.spec import ALL, parse_spec
from services.rollout.verdict import Kind as Verdict

Say = Callable[[str], None]

LOOK = 0.5  # seconds between two looks
TELL = 5.0  # and between two lines
MOST = 1000  # entries of a rollout
MANY = 120  # letters of reasons in a line
STEPS = (Kind.PREPARED, Kind.ADVANCE, Kind.PROMOTED)


async def followed(rollouts: Rollouts, started: Record, patience: float, say: Say) -> Decided:
    """Waits for the end; aborts what takes longer than `patience` seconds.

    Raises:
        AdminError: the rollout service said no, or did not answer.
    """
    until, told, said = time.monotonic() + patience, 0.0, ""
    while not (record := (view := await asyncio.to_thread(rollouts.view)).record) or (
        record.rollout == started.rollout and not record.ended
    ):
        now, line = time.monotonic(), _place(view)
        if line != said or now - told >= TELL:
            say(f"  {line}{_seen(view)}")
            told, said = now, line
        if now > until:
            await asyncio.to_thread(rollouts.abort, "it takes too long for a demonstration")
        await asyncio.sleep(LOOK)
    entries = await asyncio.to_thread(rollouts.decisions, MOST, started.rollout)
    return decided(record, entries)


def decided(record: Record, entries: Sequence[Entry]) -> Decided:
    """How a rollout went; `entries`: of it, in any order."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    steps = [entry for entry in ordered if entry.kind in STEPS]
    last = ordered[-1]
    plan = parse_spec(record.spec)
    worse = [verdict.guard for verdict in last.verdicts if verdict.kind is Verdict.ROLL_BACK]
    times = [*(entry.at for entry in steps), last.at]
    lengths = [end - start for start, end in pairwise(times)]
    return Decided(
        release=record.release,
        phase=record.phase.value,
        why=record.why,
        guards=tuple(worse),
        began=steps[0].at if steps else 0.0,
        ended=last.at,
        steps=tuple(
            (entry.percent, seconds)
            for entry, seconds in zip(steps, lengths, strict=True)
            if entry.percent < ALL
        ),
        judged={verdict.guard: verdict.reason for verdict in last.verdicts},
        undue=tuple(undue(ordered, [step.requests for step in plan.steps])),
    )


def undue(entries: Sequence[Entry], requests: Sequence[int]) -> list[str]:
    """Steps that were left without data, in words.

    Args:
        entries: of one rollout.
        requests: that each arm must have had, by step.
    """
    found = []
    for entry in entries:
        if entry.kind is Kind.ADVANCE:
            left = entry.step - 1
            had = min((arm.get("requests", 0.0) for arm in entry.arms.values()), default=0.0)
            if had < requests[left] or not entry.verdicts:
                unjudged = "" if entry.verdicts else ", no verdicts"
                found.append(
                    f"step {left} left after {had:g} of {requests[left]} requests{unjudged}"
                )
    return found


def _place(view: View) -> str:
    record = view.record
    if record is None:
        return "nothing runs"
    return f"{record.release}: {record.phase.value}, {record.percent:g} %"


def _seen(view: View) -> str:
    if view.record is not None and view.record.phase.value == "preparing":
        lacks = {lack for gateway in view.gateways for lack in gateway.lacks}
        return f" ({'; '.join(sorted(lacks))[:MANY]})" if lacks else ""
    if view.look is None:
        return ""
    requests = " and ".join(
        f"{arms.get('requests', 0):.0f} of {name}" for name, arms in view.look.arms.items()
    )
    return f", {requests}; {'; '.join(view.look.reasons)[:MANY]}"
