"""Limits of the messages that stages share. Each function raises ValueError naming the field."""

import numpy as np

from services.domain.arrays import F32
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.ids import MAX_ID_BYTES

MAX_HISTORY = 200
MAX_PROFILE = 64
MAX_ATTRIBUTES = 32
MAX_RELEASE = 128


def check_release(release: str) -> str:
    """A release id of 1 to 128 characters."""
    if not 1 <= len(release) <= MAX_RELEASE:
        raise ValueError(f"release: {len(release)} characters, 1 to {MAX_RELEASE} expected")
    return release


def check_number(value: int, field: str, most: int) -> int:
    """A number from 1 to `most`."""
    if not 1 <= value <= most:
        raise ValueError(f"{field}: {value}, 1 to {most} expected")
    return value


def check_context(context: UserContext) -> UserContext:
    """The user, within the limits."""
    size = len(context.user_id.encode())
    if not 1 <= size <= MAX_ID_BYTES:
        raise ValueError(f"context.user_id: {size} bytes, 1 to {MAX_ID_BYTES} expected")
    check_count(len(context.profile), "context.profile", MAX_PROFILE)
    check_count(len(context.history), "context.history", MAX_HISTORY)
    check_finite(context.history.values, "context.history.values")
    return context


def check_request(request: RequestContext) -> RequestContext:
    """The circumstances of the request, within the limits."""
    check_count(len(request.attributes), "request.attributes", MAX_ATTRIBUTES)
    return request


def check_candidates(candidates: Candidates, most: int) -> Candidates:
    """Candidates with finite scores, at most `most`."""
    check_count(len(candidates), "candidates", most)
    check_finite(candidates.recall_scores, "candidates.recall_scores")
    return candidates


def check_count(count: int, field: str, most: int) -> None:
    """At most so many entries."""
    if count > most:
        raise ValueError(f"{field}: {count} entries, at most {most}")


def check_finite(values: F32, field: str) -> F32:
    """No NaN, no infinity: they would make an order meaningless."""
    if not np.isfinite(values).all():
        raise ValueError(f"{field}: not a finite number")
    return values
