"""Metrics of the feature store."""

from prometheus_client import Counter, Gauge, Histogram

from services.feature_store.records import Generation

REDIS_SECONDS = Histogram(
    "recstack_redis_seconds",
    "Time of one batch to Redis and back, by operation; failures included.",
    ["operation"],
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 10),
)
REDIS_UP = Gauge("recstack_redis_up", "1 when there is a connection to Redis.")
QUERY_FAILURES = Counter(
    "recstack_feature_store_failures",
    "Queries without a value, by operation and reason.",
    ["operation", "reason"],
)
BLOOM_FILL = Histogram(
    "recstack_seen_bloom_fill",
    "Share of set bits in a user's newest Bloom generation, at each read; 0.5 is full.",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0),
)
BLOOM_ERROR = Histogram(
    "recstack_seen_bloom_error",
    "Share of unseen items that a user's filters wrongly hide, measured from their bits, "
    "at each read.",
    buckets=(1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 1.0),
)


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
