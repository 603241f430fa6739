"""Metrics of rank."""

from services.telemetry.instruments import counter, histogram

QUERIES = counter("recstack_rank_queries_total")
REFUSED = counter("recstack_rank_refused_queries_total")
CANDIDATES = counter("recstack_rank_candidates_total")
BATCH_CANDIDATES = histogram("recstack_rank_batch_candidates")
BATCH_SECONDS = histogram("recstack_rank_batch_duration_seconds")


def observe(queries: int, candidates: int, seconds: float) -> None:
    """Counts one batch."""
    QUERIES.inc(queries)
    CANDIDATES.inc(candidates)
    BATCH_CANDIDATES.observe(candidates)
    BATCH_SECONDS.observe(seconds)
