"""Metrics, one module a family; numpy alone. What a report prints is listed here."""

from collections.abc import Callable

from models.evaluation.metrics.found import F64, Found
from models.evaluation.metrics.relevance import (
    average_precision,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)

RANKING: tuple[tuple[str, Callable[[Found, int], F64]], ...] = (
    ("ndcg", ndcg),
    ("hr", hit_rate),
    ("recall", recall),
    ("precision", precision),
    ("map", average_precision),
    ("mrr", reciprocal_rank),
)
"""Name and function of each metric at k, in the order of the tables."""
