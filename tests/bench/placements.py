"""Throughput and latency of both placements on this machine, the load generator included.

`make bench`, or `python -m tests.bench.placements --seconds 20 --rounds 5`. Each round starts each
placement anew with an empty Redis, so that none profits from what another left; the placements
alternate, so that a machine that gets slower or faster does not favour one. The table has medians
over the rounds, with the lowest and the highest.
"""

import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from loadtest.closed_loop import Load, Result, run
from tests.e2e.stack import ROOT, up

CORES = os.cpu_count() or 1
PLACEMENTS = {
    "a process a stage": (),
    f"standalone, {CORES} workers": ("--standalone", "--workers", str(CORES)),
}
OUTPUT = ROOT / "var" / "bench" / "placements.md"


def main(
    seconds: Annotated[float, typer.Option(min=1, max=120, help="Of each measurement.")] = 10.0,
    warm: Annotated[float, typer.Option(min=0, help="Seconds of load before it.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, max=20)] = 3,
    concurrency: Annotated[int, typer.Option(min=1, max=512)] = 32,
) -> None:
    """Measure both placements and print a table."""
    results: dict[str, list[Result]] = {name: [] for name in PLACEMENTS}
    for number in range(1, rounds + 1):
        for name, options in PLACEMENTS.items():
            typer.echo(f"round {number} of {rounds}: {name}", err=True)
            results[name].append(measured(options, warm, seconds, concurrency))
    setting = (
        f"{CORES} cores, load generator included, {concurrency} callers in a closed loop, "
        f"{rounds} rounds of {seconds:.0f} s; median (lowest to highest).\n\n"
    )
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(setting + table(results))
    typer.echo(OUTPUT.read_text())


def measured(options: Sequence[str], warm: float, seconds: float, concurrency: int) -> Result:
    """One measurement of a stack of its own."""
    with tempfile.TemporaryDirectory() as folder, up(Path(folder), *options) as stack:
        if warm:
            uvloop.run(run(Load(stack.grpc, warm, concurrency)))
        return uvloop.run(run(Load(stack.grpc, seconds, concurrency)))


def table(results: dict[str, list[Result]]) -> str:
    """Markdown, a row a placement."""
    lines = [
        "| placement | requests/s | P50 ms | P99 ms | errors | refused | degraded | short |",
        "|" + "---|" * 8,
    ]
    for name, measurements in results.items():
        cells = (
            _spread([m.requests_per_second for m in measurements], 0),
            _spread([m.p50_ms for m in measurements], 1),
            _spread([m.p99_ms for m in measurements], 1),
            str(sum(m.errors for m in measurements)),
            str(sum(m.refused for m in measurements)),
            str(sum(m.degraded for m in measurements)),
            str(sum(m.short for m in measurements)),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float], digits: int) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    typer.run(main)
