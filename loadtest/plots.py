"""Pictures of a load."""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtest.measurements import Calls
from loadtest.options import Options
from loadtest.profiles import PEAK
from loadtest.result import Result
from loadtest.summary import QUANTILES, latencies

mpl.use("Agg")
SIZE = (9, 4)
Draw = Callable[[Axes], None]


def draw_all(folder: Path, result: Result, calls: Calls, options: Options) -> list[str]:
    """Writes the PNG files and returns their names."""
    pictures: Mapping[str, tuple[str, str, Draw]] = {
        "rate.png": ("lists a second", "seconds", lambda axes: _rate(axes, result)),
        "latency.png": (
            "milliseconds from when lists were due",
            "seconds",
            lambda axes: _latency(axes, result, options),
        ),
        "percentiles.png": (
            "milliseconds from when lists were due",
            "percentile",
            lambda axes: _percentiles(axes, calls, options),
        ),
        "failures.png": (
            "calls a second without an answer",
            "seconds",
            lambda axes: _failures(axes, calls, options),
        ),
        "degraded.png": (
            "share of answered lists that are degraded",
            "seconds",
            lambda axes: _degraded(axes, result),
        ),
    }
    for name, (y, x, draw) in pictures.items():
        figure = Figure(SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        if x == "seconds":
            _phases(axes, options)
        axes.set_ylabel(y)
        axes.set_xlabel(x)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        figure.savefig(folder / name, dpi=100)
    return list(pictures)


def _rate(axes: Axes, result: Result) -> None:
    line = result.line
    for name, values in (("sent", line.sent), ("good", line.good), ("refused", line.refused)):
        axes.plot(values, label=name)
    axes.set_ylim(bottom=0)


def _latency(axes: Axes, result: Result, options: Options) -> None:
    line = result.line
    for name, values in (("P50", line.p50_ms), ("P90", line.p90_ms), ("P99", line.p99_ms)):
        axes.plot(values, label=name)
    axes.axhline(
        options.p99, linestyle=":", color="grey", label=f"limit of P99, {options.p99:g} ms"
    )
    axes.set_yscale("log")


def _percentiles(axes: Axes, calls: Calls, options: Options) -> None:
    """The whole distribution, the tail drawn wide, as HdrHistogram does."""
    taken = np.sort(latencies(calls.lists, options.deadline)) * 1000
    if not len(taken):
        return
    axes.plot(len(taken) / (len(taken) - np.arange(len(taken))), taken)
    axes.set_xscale("log")
    axes.set_yscale("log")
    marks = [1 / (1 - share) for share in (0.0, *QUANTILES.values())]
    axes.set_xticks(marks, ["0", *(f"{share * 100:g}" for share in QUANTILES.values())])
    axes.minorticks_off()


def _failures(axes: Axes, calls: Calls, options: Options) -> None:
    for number, name in enumerate(calls.outcomes[1:], 1):
        due = calls.due[calls.outcome == number]
        if len(due):
            edges = np.arange(int(np.ceil(options.seconds)) + 1)
            axes.plot(np.histogram(due, edges)[0], label=f"{name} ({len(due)})")
    axes.set_ylim(bottom=0)


def _degraded(axes: Axes, result: Result) -> None:
    answered = np.maximum(np.array(result.line.answered), 1)
    axes.plot(np.array(result.line.degraded) / answered)
    axes.set_ylim(0, 1)


def _phases(axes: Axes, options: Options) -> None:
    start = 0.0
    for phase in options.phases:
        if phase.name == PEAK:
            axes.axvspan(start, start + phase.seconds, alpha=0.1, color="red")
        elif start:
            axes.axvline(start, alpha=0.3, color="grey")
        start += phase.seconds
