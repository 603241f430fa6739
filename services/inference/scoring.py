"""Scoring a batch of candidate lists with one run of one graph."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from services.domain.candidates import Candidates
from services.domain.outcome import Outcome, Reason
from services.domain.stages import Scores
from services.inference.session import GraphError


class ScoringQuery(Protocol):
    """A query with candidates."""

    @property
    def candidates(self) -> Candidates: ...


Q = TypeVar("Q", bound=ScoringQuery)


def score_fitting(
    queries: Sequence[Q], check: Callable[[Q], None], score: Callable[[Sequence[Q]], Scores]
) -> list[Outcome[Scores]]:
    """Scores the queries that fit in one batch; the others are INVALID, each with its reason.

    Args:
        check: raises ValueError for a query that does not fit the release.
        score: scores of all candidates of all its queries, in one column; raises GraphError.
    """
    reasons = [_reason(check, query) for query in queries]
    fitting = [query for query, reason in zip(queries, reasons, strict=True) if reason is None]
    parts = iter(_scored(fitting, score))
    return [
        next(parts) if reason is None else Outcome.failed(Reason.INVALID, reason)
        for reason in reasons
    ]


def _scored(queries: Sequence[Q], score: Callable[[Sequence[Q]], Scores]) -> list[Outcome[Scores]]:
    """Of all in one batch; where that fails, one by one: one that fails does so alone."""
    if not queries:
        return []
    try:
        return [Outcome.of(part) for part in _split(score(queries), queries)]
    except GraphError as error:
        if len(queries) == 1:
            return [Outcome.failed(Reason.INTERNAL, str(error))]
    return [outcome for query in queries for outcome in _scored([query], score)]


def _reason(check: Callable[[Q], None], query: Q) -> str | None:
    try:
        check(query)
    except ValueError as error:
        return str(error)
    return None


def _split(scores: Scores, queries: Sequence[ScoringQuery]) -> list[Scores]:
    ends = np.cumsum([len(query.candidates) for query in queries])
    starts = [0, *ends[:-1]]
    return [
        Scores(scores.blended[start:end], scores.tasks[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]
