"""Metrics of rank."""

from prometheus_client import Counter, Histogram

QUERIES = Counter("recstack_rank_queries", "Rank queries scored.")
REFUSED = Counter("recstack_rank_refused", "Rank queries that do not fit the release.")
CANDIDATES = Counter("recstack_rank_candidates", "Candidates scored.")
BATCH_CANDIDATES = Histogram(
    "recstack_rank_batch_candidates",
    "Candidates in one run of the graph.",
    buckets=(50, 100, 200, 400, 600, 1000, 2000, 4000, 8000, 16000, 32000),
)
BATCH_SECONDS = Histogram(
    "recstack_rank_batch_seconds",
    "Time of encoding and one run of the graph.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)


def observe(queries: int, candidates: int, seconds: float) -> None:
    """Counts one batch."""
    QUERIES.inc(queries)
    CANDIDATES.inc(candidates)
    BATCH_CANDIDATES.observe(candidates)
    BATCH_SECONDS.observe(seconds)
