"""What `recstack top` shows: the stats of all workers of a stack, added up."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from rich.table import Table

from recstack.workspace import Workspace
from services.chassis.tls import OFF, Tls, client_context
from services.gateway.stats_report import merged

WINDOWS = {"10": "10 s", "60": "1 min", "300": "5 min"}
TIMEOUT = 2.0

Summary = Mapping[str, float]
Report = Mapping[str, Mapping[str, Summary]]  # window → series → summary


class StatsUnavailableError(Exception):
    """No worker of the stack answers; the message says which was asked."""


def stats_urls(workspace: Workspace, default: str) -> list[str]:
    """Where each worker of the running stack shows its stats."""
    return [*workspace.running().get("stats", ())] or [default]


def fetch(urls: Sequence[str], tls: Tls = OFF) -> list[dict[str, Any]]:
    """The stats of those workers that answer.

    Raises:
        StatsUnavailableError: none does.
    """
    answers, problem = [], ""
    trust = client_context(tls) if tls.calls else True
    for url in urls:
        try:
            response = httpx.get(f"{url}/stats", timeout=TIMEOUT, trust_env=False, verify=trust)
            answers.append(response.raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            problem = f"no stats from {url}: {error}"
    if not answers:
        raise StatsUnavailableError(problem)
    return answers


def added_up(reports: Sequence[dict[str, Any]]) -> Report:
    """One report of all workers: their arrays add up, so that percentiles are of the whole."""
    return merged(reports)


def rendered(report: Report, workers: int) -> Table:
    """Three rows a series, one a window: the whole first, then its stages."""
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{workers} workers" if workers > 1 else "")
    table.add_column("last")
    for column in ("requests/s", "P50 ms", "P90 ms", "P99 ms", "errors", "degraded"):
        table.add_column(column, justify="right")
    longest = report[next(reversed(WINDOWS))]
    for series in (name for name, row in longest.items() if row["requests"]):
        for place, (window, name) in enumerate(WINDOWS.items()):
            table.add_row("" if place else series, name, *_cells(report[window][series]))
    return table


def _cells(row: Summary) -> tuple[str, ...]:
    return (
        f"{row['qps']:.1f}",
        *(f"{row[p]:.1f}" for p in ("p50_ms", "p90_ms", "p99_ms")),
        *(f"{row[rate]:.2%}" for rate in ("error_rate", "degraded_rate")),
    )
