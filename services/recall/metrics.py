"""Metrics of recall."""

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from services.domain.context import Seen
from services.domain.stages import ChannelReport, Recalled
from services.recall.runners import Attempt
from services.recall.seen import expected_loss

QUERIES = Counter("recstack_recall_queries", "Recall queries answered.")
CANDIDATES = Counter("recstack_recall_candidates", "Candidates given to the next stage.")
SHORT = Counter("recstack_recall_short", "Recall queries that got fewer candidates than wanted.")
REPEATED = Counter(
    "recstack_recall_repeated", "Candidates that were shown before, because too few were left."
)
EXHAUSTED = Counter("recstack_recall_exhausted", "Recall queries that had to repeat items.")
BLOOM_LOST = Counter(
    "recstack_recall_bloom_lost",
    "Unseen items that Bloom filters took for seen, estimated by the filters' error rates.",
)
FRESH_ITEMS = Gauge("recstack_recall_fresh_items", "Items newer than the release.", ["release"])
FRESH_LEFT_OUT = Gauge(
    "recstack_recall_fresh_items_left_out",
    "Items newer than the release that are too many to be kept.",
    ["release"],
)
ITEMS_VERSION = Gauge("recstack_recall_items_version", "Version of the item table followed.")
LIVE_ERRORS = Counter(
    "recstack_recall_live_errors",
    "Times that what changes while serving could not be read (items, statistics), or not be taken "
    "in by a release (release).",
    ["what"],
)
STATISTICS_TIME = Gauge(
    "recstack_recall_statistics_time_seconds", "When the item statistics in use were computed."
)
CHANNEL_SECONDS = Histogram(
    "recstack_recall_channel_seconds",
    "Time of a channel for a batch; of one that is late, the wait for it.",
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


def observe_attempts(channels: Sequence[str], attempts: Sequence[Attempt]) -> None:
    """Counts what the channels did for a batch."""
    for name, attempt in zip(channels, attempts, strict=True):
        CHANNEL_SECONDS.labels(name).observe(attempt.seconds)
        if attempt.failure is not None:
            CHANNEL_SKIPPED.labels(name, attempt.failure.reason.value).inc()


def observe_seen(kept: int, seen: Seen) -> None:
    """Counts what the filters of seen items cost, by how many items were not taken for seen."""
    BLOOM_LOST.inc(expected_loss(kept, seen))


def observe_fresh(release: str, kept: int, left_out: int) -> None:
    """Sets how many new items a release has."""
    FRESH_ITEMS.labels(release).set(kept)
    FRESH_LEFT_OUT.labels(release).set(left_out)


def forget(release: str) -> None:
    """Takes out what is shown of a release that is no longer loaded."""
    FRESH_ITEMS.remove(release)
    FRESH_LEFT_OUT.remove(release)


def observe_batch(results: Sequence[Recalled], limits: Sequence[int]) -> None:
    """Counts what a batch was answered."""
    QUERIES.inc(len(results))
    CANDIDATES.inc(sum(len(result.candidates) for result in results))
    REPEATED.inc(sum(result.repeats for result in results))
    EXHAUSTED.inc(sum(result.repeats > 0 for result in results))
    pairs = zip(results, limits, strict=True)
    SHORT.inc(sum(len(result.candidates) < limit for result, limit in pairs))
    for reports in zip(*(result.reports for result in results), strict=True):
        _observe_channel(reports)


def _observe_channel(reports: Sequence[ChannelReport]) -> None:
    name = reports[0].channel
    CHANNEL_FETCHED.labels(name).inc(sum(report.fetched for report in reports))
    CHANNEL_KEPT.labels(name).inc(sum(report.kept for report in reports))
