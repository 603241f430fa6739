"""How good probabilities are: one value for all predictions."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics.found import F64
from services.domain.arrays import I64, Bools

SMALLEST = 1e-12  # a probability of 0 or 1 that is wrong would cost infinitely much


def f1(labels: Bools, probabilities: F64, threshold: float = 0.5) -> float:
    """F1 = 2 TP / (2 TP + FP + FN) of the predictions at or above the threshold; 0 without TP."""
    predicted = probabilities >= threshold
    true = float(np.count_nonzero(predicted & labels))
    wrong = float(np.count_nonzero(predicted != labels))
    return 2 * true / (2 * true + wrong) if true else 0.0


def best_f1(labels: Bools, probabilities: F64) -> float:
    """The highest F1 of any threshold, for small probabilities; 0 without positives."""
    order = np.argsort(-probabilities, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probabilities[order])), len(order) - 1)
    if not labels.any():
        return 0.0
    true = np.cumsum(labels[order])[ends]
    return float(np.max(2 * true / (ends + 1 + np.count_nonzero(labels))))


def logloss(labels: Bools, probabilities: F64) -> float:
    """Mean of -log p(label), natural logarithm; p is kept 1e-12 away from 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    return float(-np.mean(np.where(labels, np.log(p), np.log1p(-p))))


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of their probability; all arrays [B], empty bins left out.

    Attributes:
        predicted: mean probability.
        observed: share of positives.
        counts: predictions in the bin.
    """

    predicted: F64
    observed: F64
    counts: I64

    @property
    def error(self) -> float:
        """ECE: mean of |observed - predicted|, weighted by the predictions of each bin."""
        if not self.counts.sum():
            return float("nan")
        return float(np.average(np.abs(self.observed - self.predicted), weights=self.counts))


def reliability(labels: Bools, probabilities: F64, bins: int = 15) -> Reliability:
    """Bins of equal width over 0..1; the last has 1 in it."""
    return _binned(
        labels, probabilities, np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    )


def by_quantile(labels: Bools, probabilities: F64, bins: int = 15) -> Reliability:
    """Bins with the same number of predictions: for probabilities that are all small."""
    ranks = np.empty(len(labels), np.int64)
    ranks[np.argsort(probabilities, kind="stable")] = np.arange(len(labels))
    return _binned(labels, probabilities, ranks * bins // max(1, len(labels)))


def ece(labels: Bools, probabilities: F64, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width.

    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning,
    AAAI 2015.
    """
    return reliability(labels, probabilities, bins).error


def _binned(labels: Bools, probabilities: F64, bins: I64) -> Reliability:
    counts = np.bincount(bins)
    used = counts > 0
    predicted = np.bincount(bins, probabilities)[used] / counts[used]
    observed = np.bincount(bins, labels.astype(np.float64))[used] / counts[used]
    return Reliability(predicted, observed, counts[used])
