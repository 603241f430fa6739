"""Metrics of recall."""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from services.domain.stages import ChannelReport, Recalled
from services.recall.runners import Attempt, Runner

QUERIES = Counter("recstack_recall_queries", "Recall queries answered.")
CANDIDATES = Counter("recstack_recall_candidates", "Candidates given to the next stage.")
SHORT = Counter("recstack_recall_short", "Recall queries that got fewer candidates than wanted.")
CHANNEL_SECONDS = Histogram(
    "recstack_recall_channel_seconds",
    "Time of a channel for a batch, waiting for its thread included.",
    ["channel"],
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)
CHANNEL_SKIPPED = Counter(
    "recstack_recall_channel_skipped", "Batches a channel did not answer.", ["channel", "reason"]
)
CHANNEL_FETCHED = Counter(
    "recstack_recall_channel_fetched", "Items a channel found, before filters.", ["channel"]
)
CHANNEL_KEPT = Counter(
    "recstack_recall_channel_kept", "Items of a channel among the merged candidates.", ["channel"]
)


def observe_attempts(runners: Sequence[Runner], attempts: Sequence[Attempt]) -> None:
    """Counts what the channels did for a batch."""
    for runner, attempt in zip(runners, attempts, strict=True):
        CHANNEL_SECONDS.labels(runner.name).observe(attempt.seconds)
        if attempt.failure is not None:
            CHANNEL_SKIPPED.labels(runner.name, attempt.failure.reason.value).inc()


def observe_batch(results: Sequence[Recalled], limits: Sequence[int]) -> None:
    """Counts what a batch was answered."""
    QUERIES.inc(len(results))
    CANDIDATES.inc(sum(len(result.candidates) for result in results))
    pairs = zip(results, limits, strict=True)
    SHORT.inc(sum(len(result.candidates) < limit for result, limit in pairs))
    for reports in zip(*(result.reports for result in results), strict=True):
        _observe_channel(reports)


def _observe_channel(reports: Sequence[ChannelReport]) -> None:
    name = reports[0].channel
    CHANNEL_FETCHED.labels(name).inc(sum(report.fetched for report in reports))
    CHANNEL_KEPT.labels(name).inc(sum(report.kept for report in reports))
