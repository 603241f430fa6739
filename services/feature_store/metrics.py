"""Metrics of the feature store."""

from functools import cache

from prometheus_client import Histogram

from services.feature_store.records import Generation
from services.telemetry.instruments import counter, gauge, histogram

_REDIS_SECONDS = histogram("recstack_redis_duration_seconds")
REDIS_UP = gauge("recstack_redis_up")
REDIS_ERRORS = counter("recstack_redis_errors_total")
QUERY_FAILURES = counter("recstack_feature_store_failures_total")
BLOOM_FILL = histogram("recstack_seen_bloom_fill_ratio")
BLOOM_ERROR = histogram("recstack_seen_bloom_error_ratio")


@cache
def redis_seconds(operation: str) -> Histogram:
    """Where the time of an operation is counted."""
    return _REDIS_SECONDS.labels(operation)


def observe_bloom(generations: list[Generation]) -> None:
    """Counts one read of a user's filters, newest first; a key is hidden when any has it."""
    if not generations:
        return
    newest = generations[0]
    BLOOM_FILL.observe(newest.set_bits / newest.filter.bits)
    kept = 1.0
    for generation in generations:
        kept *= 1.0 - generation.error()
    BLOOM_ERROR.observe(1.0 - kept)
