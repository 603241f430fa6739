"""Plots of an evaluation, PNG."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.evaluation.losses import losses
from models.evaluation.metrics.exposure import exposures, lorenz
from models.evaluation.metrics.found import NOT_FOUND
from models.evaluation.places import SHOWN, Places
from models.evaluation.values import accuracy

DEPTH = 600  # of the curves of recall

Plot = Callable[[Axes, Places, Sequence[int]], None]


def write_plots(places: Places, ks: Sequence[int], folder: Path) -> list[Path]:
    """Writes every plot that the evaluation has numbers for; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: list[tuple[str, Plot]] = [
        ("ndcg_by_stage", _ndcg),
        ("recall_at_n", _recall),
        ("exposure", _exposure),
    ]
    if len(places.reasons):
        plots.append(("losses_by_stage", _losses))
    if len(places.calibration.counts):
        plots.append(("calibration", _calibration))
    return [_written(plot, places, ks, folder / f"{name}.png") for name, plot in plots]


def _written(plot: Plot, places: Places, ks: Sequence[int], path: Path) -> Path:
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    plot(axes, places, ks)
    sampled = " (sampled ranking)" if places.about.ranking.startswith("sampled") else ""
    axes.set_title(f"{places.about.data}: {places.about.protocol}{sampled}", fontsize=9)
    figure.savefig(path, dpi=120)
    return path


def _ndcg(axes: Axes, places: Places, ks: Sequence[int]) -> None:
    """NDCG by stage at every k, with 95 % intervals."""
    measured = accuracy(places, ks)
    stages = places.about.stages
    for shift, k in enumerate(ks):
        name = f"ndcg@{k}"
        at = [i for i, stage in enumerate(stages) if name in measured[stage]]
        found = [measured[stages[i]][name] for i in at]
        means = np.array([one.mean for one in found])
        low = means - [one.low for one in found]
        high = np.array([one.high for one in found]) - means
        across = np.array(at) + (shift - (len(ks) - 1) / 2) * 0.15
        axes.errorbar(across, means, np.stack([low, high]), fmt="o", capsize=3, label=name)
    axes.set_xticks(range(len(stages)), stages, rotation=30, ha="right")
    axes.set_ylabel("NDCG, 95 % interval")
    axes.set_ylim(bottom=0)
    axes.legend()


def _recall(axes: Axes, places: Places, _ks: Sequence[int]) -> None:
    """Share of the true items among the first n, by stage; thick: the merged list."""
    for stage in places.about.stages:
        if stage in ("prerank", "rank", "rerank"):
            continue
        found = places.found(stage)
        inside = found.places[found.places < min(DEPTH, NOT_FOUND)]
        share = np.cumsum(np.bincount(inside, minlength=DEPTH)) / max(1, len(found.places))
        axes.plot(np.arange(1, DEPTH + 1), share, label=stage, lw=2.5 if stage == "recall" else 1)
    axes.set_xlabel("n")
    axes.set_ylabel("true items among the first n")
    axes.set_ylim(0, 1)
    axes.legend()


def _losses(axes: Axes, places: Places, _ks: Sequence[int]) -> None:
    """True items that come out of each stage, and those it lost."""
    lost = losses(places, SHOWN)
    stages = [one.stage for one in lost]
    axes.bar(stages, [one.left for one in lost], label="out")
    axes.bar(stages, [one.lost for one in lost], bottom=[one.left for one in lost], label="lost")
    axes.set_ylabel("true items")
    axes.legend()


def _calibration(axes: Axes, places: Places, _ks: Sequence[int]) -> None:
    """Predicted probability of interaction against the observed share, equally full bins."""
    bins = places.calibration
    ends = [float(bins.predicted.min()), float(max(bins.predicted.max(), bins.observed.max()))]
    axes.plot(ends, ends, color="grey", lw=1)
    axes.plot(bins.predicted, bins.observed, "o-")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("predicted by rank")
    axes.set_ylabel("observed")


def _exposure(axes: Axes, places: Places, _ks: Sequence[int]) -> None:
    """Lorenz curves: how unevenly items were had in training, and are shown."""
    share = np.linspace(0, 1, len(places.counts) + 1)
    axes.plot(share, share, color="grey", lw=1)
    axes.plot(share, lorenz(places.counts), "k--", label="had in training")
    for s, stage in enumerate(places.about.stages):
        if stage in ("popular", "recall", "rerank") or places.about.limits[s] == 0:
            axes.plot(share, lorenz(exposures(places.lists[s], len(places.counts))), label=stage)
    axes.set_xlabel("share of items, least shown first")
    axes.set_ylabel(f"share of the first {SHOWN}")
    axes.legend()
