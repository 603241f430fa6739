"""The highest rate that holds the P99, and what happens at three times that rate.

    python -m tests.bench.capacity --placement both

For each placement: an estimate by a closed loop, a bisection over short open-loop loads, a
confirmation of `--confirm` seconds (repeated at 95 % of the rate until it holds), then a spike of
`--overload` seconds at `--peak` times the confirmed rate with calmer times around it. Prints
Markdown tables. The load generator is on the same cores: its share is in the table.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from loadtest.closed_loop import Load, run
from tests.bench.loaded import Loaded, loaded
from tests.bench.memory_watch import Memory, watched
from tests.bench.placements import PLACEMENTS
from tests.e2e.stack import ROOT, RunningStack, up

OUTPUT = ROOT / "var" / "bench" / "capacity.md"
TRIALS, CONFIRMATIONS = 6, 6
LOWEST, HIGHEST = 0.15, 1.3  # of what a closed loop reaches, which varies too
CALM = 0.7  # of the confirmed rate: before and after the overload
SHARES = ("--failures", "0", "--refused", "0.001", "--degraded", "0.01", "--late", "1")


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of each part, the limit of P99 in milliseconds, and how far above capacity.

    `rate`: the one to confirm, lists a second; 0: search for it.
    """

    rate: float
    warm: float
    trial: float
    confirm: float
    overload: float
    p99: float
    peak: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one placement. `rate`: confirmed, lists a second; 0: not even the lowest rate held."""

    rate: float
    confirmation: Loaded
    overload: Loaded | None
    memory: dict[str, Memory]


def main(
    placement: Annotated[str, typer.Option(help="stages, standalone or both.")] = "both",
    warm: Annotated[float, typer.Option(min=0)] = 5.0,
    trial: Annotated[float, typer.Option(min=1, help="Seconds of a step of the search.")] = 10.0,
    confirm: Annotated[float, typer.Option(min=1)] = 60.0,
    overload: Annotated[float, typer.Option(min=16)] = 60.0,
    p99: Annotated[float, typer.Option(min=1, help="Milliseconds.")] = 100.0,
    peak: Annotated[float, typer.Option(min=1, help="Times the confirmed rate.")] = 3.0,
    rate: Annotated[float, typer.Option(min=0, help="Lists a second to confirm; 0: search.")] = 0.0,
) -> None:
    """Measure and print tables."""
    plan = Plan(rate, warm, trial, confirm, overload, p99, peak)
    names = dict(zip(("stages", "standalone"), PLACEMENTS.items(), strict=True))
    chosen = names if placement == "both" else {placement: names[placement]}
    results = {}
    for name, options in chosen.values():
        with tempfile.TemporaryDirectory() as folder, up(Path(folder), *options) as stack:
            results[name] = measured(stack, plan, Path(folder))
    text = "\n".join((*capacities(results, plan), "", *overloads(results, plan)))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(text + "\n")
    typer.echo(text)


def measured(stack: RunningStack, plan: Plan, folder: Path) -> Measured:
    """One placement."""
    rate = plan.rate or highest(stack, plan, folder)
    for _ in range(CONFIRMATIONS):
        confirmation = steady(stack, plan, folder, rate, plan.confirm)
        if confirmation.holds:
            break
        rate *= 0.95
    else:
        return Measured(0.0, confirmation, None, {})
    with watched(stack) as memory:
        overload = spiked(stack, plan, folder, rate)
        memory.mark_after()
    return Measured(rate, confirmation, overload, memory.of_all())


def highest(stack: RunningStack, plan: Plan, folder: Path) -> float:
    """The rate to confirm: a bisection over short loads."""
    closed = uvloop.run(run(Load(stack.grpc, plan.warm or 1.0))).requests_per_second
    typer.echo(f"closed loop: {closed:.0f}/s", err=True)
    low, high = LOWEST * closed, HIGHEST * closed
    for _ in range(TRIALS):
        middle = (low + high) / 2
        # Once more when it does not hold: what else the machine does only makes it worse.
        held = any(steady(stack, plan, folder, middle, plan.trial).holds for _ in range(2))
        low, high = (middle, high) if held else (low, middle)
    return low


def steady(stack: RunningStack, plan: Plan, folder: Path, rate: float, seconds: float) -> Loaded:
    """One load of one rate."""
    options = ("--rate", f"{rate:.1f}", "--seconds", f"{seconds:g}", "--warm", f"{plan.warm:g}")
    found = loaded(stack, folder, *options, "--p99", f"{plan.p99:g}", *SHARES)
    news = f"{rate:.0f}/s for {seconds:g} s: {'holds' if found.holds else 'does not hold'}"
    typer.echo(f"{news}, P99 {found.lists['p99_ms']:.1f} ms, {found.broken}", err=True)
    return found


def spiked(stack: RunningStack, plan: Plan, folder: Path, rate: float) -> Loaded:
    """Calm, overload, calm: a quarter, half and a quarter of the time."""
    calm = CALM * rate
    profile = ("--shape", "spike", "--rate", f"{calm:.1f}", "--peak", f"{plan.peak / CALM:.4f}")
    times = ("--seconds", f"{plan.overload * 2:g}", "--warm", f"{plan.warm:g}")
    limits = ("--p99", f"{plan.p99:g}", "--recovery", "5", "--refused", "1")
    found = loaded(stack, folder, *profile, *times, *limits)
    typer.echo(f"{plan.peak:g} times {rate:.0f}/s for {plan.overload:g} s", err=True)
    return found


def capacities(results: dict[str, Measured], plan: Plan) -> Iterator[str]:
    """What each placement holds."""
    yield f"The highest rate with P99 of at most {plan.p99:g} ms, held for {plan.confirm:g} s:"
    yield ""
    yield "| placement | lists/s | calls/s | P50 ms | P90 ms | P99 ms | P99.9 ms | failed | refused | degraded | load: CPU | sent late |"  # noqa: E501 - a table
    yield "|" + "---|" * 12
    for name, of in results.items():
        lists, every = of.confirmation.lists, of.confirmation.every
        numbers = " | ".join(
            f"{lists[key]:.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "p999_ms")
        )
        yield (
            f"| {name} | {of.rate:.0f} | {every['sent_rate']:.0f} | {numbers} | {every['failed']} |"
            f" {every['refused']} | {_share(lists):.2%} |"
            f" {of.confirmation.of_a_core:.0%} of a core |"
            f" {every['late'] / max(every['calls'], 1):.1%} |"
        )


def overloads(results: dict[str, Measured], plan: Plan) -> Iterator[str]:
    """What becomes of them above it."""
    yield f"At {plan.peak:g} times that rate for {plan.overload:g} s:"
    yield ""
    yield "| placement | asked/s | good/s | of the rate | refused | without a delay | failed | P99 ms | degraded | normal after | memory MiB: before, most, after |"  # noqa: E501 - a table
    yield "|" + "---|" * 11
    for name, of in results.items():
        if of.overload is None:
            yield f"| {name} | no rate held |" + " |" * 9
            continue
        peak, after = of.overload.phases["peak"], of.overload.recovery
        memory = [sum(part) for part in zip(*of.memory.values(), strict=True)]
        yield (
            f"| {name} | {peak['sent_rate']:.0f} | {peak['good_rate']:.0f} |"
            f" {peak['good_rate'] / of.rate:.0%} | {peak['refused'] / peak['calls']:.1%} |"
            f" {of.overload.every['undelayed']} | {_counts(of.overload.every['failures'])} |"
            f" {peak['p99_ms']:.0f} | {_share(peak):.1%} |"
            f" {'never' if after is None else f'{after:.0f} s'} |"
            f" {', '.join(f'{part:.0f}' for part in memory)} |"
        )
    yield ""
    for name, of in results.items():
        each = "; ".join(
            f"{part} {', '.join(f'{m:.0f}' for m in mib)}" for part, mib in of.memory.items()
        )
        yield f"Memory of {name}, MiB before, most, after: {each}."


def _share(of: Mapping[str, Any]) -> float:
    """Of the answered lists that are degraded."""
    answered = of["calls"] - of["failed"] - of["refused"]
    return float(of["degraded"] / max(answered, 1))


def _counts(failures: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in failures.items()) or "0"


if __name__ == "__main__":
    typer.run(main)
