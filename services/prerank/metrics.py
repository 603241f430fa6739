"""Metrics of prerank."""

from services.telemetry.instruments import counter, histogram

QUERIES = counter("recstack_prerank_queries_total")
REFUSED = counter("recstack_prerank_refused_queries_total")
CANDIDATES = counter("recstack_prerank_candidates_total")
BATCH_CANDIDATES = histogram("recstack_prerank_batch_candidates")
BATCH_SECONDS = histogram("recstack_prerank_batch_duration_seconds")


def observe(queries: int, candidates: int, seconds: float) -> None:
    """Counts one batch."""
    QUERIES.inc(queries)
    CANDIDATES.inc(candidates)
    BATCH_CANDIDATES.observe(candidates)
    BATCH_SECONDS.observe(seconds)
