"""What is told of a load: Markdown for people, JSON for programs, pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from loadtest.measurements import Calls
from loadtest.options import Options
from loadtest.result import Result
from loadtest.slo import Check
from loadtest.summary import Summary

ROW = "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |"
HEAD = (
    "calls",
    "sent/s",
    "good/s",
    "P50 ms",
    "P90 ms",
    "P99 ms",
    "P99.9 ms",
    "failed",
    "refused",
    "degraded",
)
NOTHING = "**Nothing was counted:** no call was due after the warming up when it ended.\n"


@dataclass(frozen=True, slots=True)
class Report:
    """A load that has ended."""

    options: Options
    result: Result
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return all(check.holds for check in self.checks)


def write(report: Report, calls: Calls) -> Path:
    """Writes everything to a folder of its own, named after the time, and returns it."""
    from loadtest.plots import draw_all

    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{report.options.shape}"
    folder = Path(report.options.report) / name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = draw_all(folder, report.result, calls, report.options)
    images = "".join(f"![{Path(picture).stem}]({picture})\n\n" for picture in pictures)
    (folder / "report.md").write_text(f"# Load\n{markdown(report)}\n{images}", "utf-8")
    (folder / "report.json").write_text(as_json(report), "utf-8")
    return folder


def as_json(report: Report) -> str:
    """Everything; `holds` is the verdict."""
    return json.dumps({"holds": report.holds, **asdict(report)}, indent=2) + "\n"


def markdown(report: Report) -> str:
    """Tables."""
    parts = (_what(report), _numbers(report), _rest(report), _verdict(report))
    nothing = () if report.result.every.calls else (NOTHING,)
    return "\n".join((*nothing, *parts))


def _what(report: Report) -> str:
    options, releases = report.options, ", ".join(report.result.releases) or "none"
    people = (
        f"the world of {options.world}" if options.world else f'users "1" to "{options.people}"'
    )
    return (
        f"{options.shape}, {options.rate:g} lists/s for {options.seconds:g} s after"
        f" {options.warm:g} s of warming up; {options.connections} connections,"
        f" {options.http:.0%} of them HTTP; people: {people}; release: {releases}.\n"
        "Latencies count from when a call was due, so that waiting to be sent is part of them.\n"
    )


def _numbers(report: Report) -> str:
    result = report.result
    rows = {"**lists**": result.lists, **result.kinds}
    if len(result.phases) > 1:
        rows |= {f"lists, {name}": phase for name, phase in result.phases.items()}
    head = [ROW.format("", *HEAD), "|" + "---|" * (len(HEAD) + 1)]
    return "\n".join((*head, *(_row(name, row) for name, row in rows.items()), ""))


def _row(name: str, row: Summary) -> str:
    latencies = (row.p50_ms, row.p90_ms, row.p99_ms, row.p999_ms)
    return ROW.format(
        name,
        row.calls,
        f"{row.sent_rate:.1f}",
        f"{row.good_rate:.1f}",
        *(f"{value:.1f}" for value in latencies),
        row.failed,
        row.refused,
        f"{row.degraded / max(row.answered, 1):.2%}",
    )


def _rest(report: Report) -> str:
    result, sender = report.result, report.result.sender
    every = result.every
    lines = [
        f"- failures: {_counts(every.failures)}",
        f"- skipped: {_counts(result.skipped)}",
        f"- short lists: {result.lists.short}, empty ones: {result.lists.empty}",
        f"- sent a second time, as the kept connection had closed: {result.resent}",
        f"- the load itself: {sender.microseconds_a_call:.0f} µs of CPU a call,"
        f" {sender.of_a_core:.0%} of one core; sent over 10 ms late: {every.late}"
        f" ({every.late / max(every.calls, 1):.2%}), worst {every.worst_late_ms:.1f} ms",
    ]
    return "\n".join((*lines, ""))


def _verdict(report: Report) -> str:
    row = "| {} | {} | {} | {} |".format
    lines = [
        row(check.name, check.measured, check.limit, "yes" if check.holds else "**no**")
        for check in report.checks
    ]
    verdict = "Every SLO holds." if report.holds else "**An SLO is broken.**"
    return "\n".join(
        ("| SLO | measured | limit | holds |", "|---|---|---|---|", *lines, "", verdict)
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
