"""Metrics of the gateway that are counted as things happen; collectors.py has those of arrays."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import cache

from prometheus_client import Counter, Histogram

from services.domain.outcome import Failure
from services.gateway.requests import EventInput, Fault, UserInput
from services.items.record import Item
from services.telemetry.instruments import counter, histogram

_REQUESTS = counter("recstack_gateway_requests_total")
_HTTP = histogram("recstack_http_request_duration_seconds")
_BATCH_QUERIES = histogram("recstack_gateway_batch_queries")
_RETRIES = counter("recstack_gateway_retries_total")
_STAGE_FAILURES = counter("recstack_gateway_stage_failures_total")
_DEGRADED_PARTS = counter("recstack_gateway_degraded_parts_total")
_FAULTS = counter("recstack_gateway_faults_total")
TAKEN_DOWN = counter("recstack_gateway_takedowns_total")
LANE_FALLBACKS = counter("recstack_gateway_lane_fallbacks_total")
LOGGED = counter("recstack_gateway_requests_logged_total")
NOT_LOGGED = counter("recstack_gateway_requests_not_logged_total")

_FIELDS = frozenset(one.name for kind in (EventInput, Item, UserInput) for one in fields(kind))
_FIELDS |= {"event", "store"}


@cache
def requests(rpc: str, code: str, release: str) -> Counter:
    """Where the calls are counted that ended with a code."""
    return _REQUESTS.labels(rpc, code, release)


@cache
def http_seconds(route: str, code: int) -> Histogram:
    """Where the time of calls over HTTP is counted."""
    return _HTTP.labels(route, str(code))


def batch_queries(stage: str) -> Callable[[float], None]:
    """Hears how many queries each call of a stage has."""
    return _BATCH_QUERIES.labels(stage).observe


def retries(stage: str) -> Callable[[], None]:
    """Hears of each call of a stage that is made again."""
    return _RETRIES.labels(stage).inc


def count_failure(stage: str, failure: Failure | None) -> None:
    """Counts a query that a stage was to answer, if it did not."""
    if failure is not None:
        _STAGE_FAILURES.labels(stage, failure.reason.value).inc()


def count_degraded(degraded: Sequence[tuple[str, Failure]]) -> None:
    """Counts what is missing in an answer."""
    for part, failure in degraded:
        _DEGRADED_PARTS.labels(part, failure.reason.value).inc()


def count_faults(rpc: str, faults: Iterable[Fault]) -> None:
    """Counts what a call could not store; "profile[age]" counts as profile.

    Names that clients make up are no labels: there would be no end of them.
    """
    for fault in faults:
        field = fault.field.partition("[")[0] or "store"
        _FAULTS.labels(rpc, field if field in _FIELDS else "unknown").inc()
