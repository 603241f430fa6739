"""How far a shadow's list is from the one that was shown. Pure."""

from typing import NamedTuple

from services.domain.list_difference import overlap, rank_correlation, score_drift
from services.domain.traffic_report import Example
from services.gateway.trace import Trace

STAGES = frozenset({"recall", "prerank", "rank", "rerank"})
"""What both were asked: the shadow is given the context, and marks nothing as shown."""


class Comparison(NamedTuple):
    """Two lists for one request.

    Attributes:
        overlap: share of the longer list that both have, 0 to 1: overlap@k when both are full.
        correlation: Spearman's rho of the items in both, -1 to 1; NaN with fewer than two.
        drift: mean of the shadow's score minus stable's, of the items in both; NaN without any,
            not finite when a score is not.
        seconds: that the shadow's stages took.
        stable_seconds: that the same stages of stable took.
    """

    overlap: float
    correlation: float
    drift: float
    seconds: float
    stable_seconds: float


def compare(stable: Trace, shadow: Trace) -> Comparison:
    """The way that was shown, and the shadow's for the same request."""
    shown, other = stable.slate, shadow.slate
    keys, other_keys = stable.items.keys(shown.rows), shadow.items.keys(other.rows)
    return Comparison(
        overlap(keys, other_keys),
        rank_correlation(keys, other_keys),
        score_drift(keys, shown.scores, other_keys, other.scores),
        _seconds(shadow),
        _seconds(stable),
    )


def example(request_id: str, stable: Trace, shadow: Trace, found: Comparison) -> Example:
    """Both lists for people to look at, and how far they are apart."""
    ratio = found.seconds / found.stable_seconds if found.stable_seconds > 0 else 0.0
    return Example(request_id, _ids(stable), _ids(shadow), found.overlap, ratio)


def _seconds(trace: Trace) -> float:
    return sum(step.seconds for step in trace.steps if step.stage in STAGES)


def _ids(trace: Trace) -> tuple[str, ...]:
    return tuple(trace.items.text(row).item_id for row in trace.slate.rows.tolist())
