"""The outcomes for people: a row each."""

from collections.abc import Sequence

from rich.table import Table

from loadtest.canary.outcome import Outcome

COLUMNS = (
    "release", "outcome", "by", "seconds", "steps", "requests", "people", "stable's errors",
    "refused", "late, s", "P95 ms", "rank, ms", "",
)  # fmt: skip


def table(outcomes: Sequence[Outcome], rate: float) -> Table:
    """What became of each release, and how many were exposed to it."""
    made = Table(title=f"SIMULATED people, {rate:g} lists/s through two gateways")
    for name in COLUMNS:
        made.add_column(name, justify="left" if name in COLUMNS[:3] else "right")
    for one in outcomes:
        made.add_row(*row(one), style="red" if one.problems else "")
    return made


def row(one: Outcome) -> tuple[str, ...]:
    """The cells of an outcome."""
    return (
        one.name,
        one.decided.phase,
        ", ".join(one.decided.guards),
        f"{one.seconds:.1f}",
        " ".join(f"{percent:g}%:{seconds:.0f}s" for percent, seconds in one.decided.steps),
        f"{one.requests:,}",
        f"{one.people:,}",
        str(one.errors),
        str(one.refused),
        " ".join(f"{seconds:.2f}" for seconds in one.late),
        f"{one.p95:.0f}",
        " ".join(f"{milliseconds:.1f}" for milliseconds in one.ranks),
        "; ".join(one.problems) or "ok",
    )
