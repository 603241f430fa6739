"""Metrics of recall."""

from collections.abc import Sequence

from services.domain.context import Seen
from services.domain.stages import ChannelReport, Recalled
from services.recall.runners import Attempt
from services.recall.seen import expected_loss
from services.telemetry.instruments import counter, gauge, histogram

QUERIES = counter("recstack_recall_queries_total")
CANDIDATES = counter("recstack_recall_candidates_total")
SHORT = counter("recstack_recall_short_lists_total")
SEEN_DROPPED = counter("recstack_recall_seen_dropped_items_total")
BLOOM_LOST = counter("recstack_recall_bloom_lost_items_total")
REPEATED = counter("recstack_recall_repeated_items_total")
EXHAUSTED = counter("recstack_recall_exhausted_queries_total")
FRESH_ITEMS = gauge("recstack_recall_fresh_items")
FRESH_LEFT_OUT = gauge("recstack_recall_fresh_items_left_out")
ITEMS_VERSION = gauge("recstack_recall_items_version")
LIVE_ERRORS = counter("recstack_recall_live_errors_total")
STATISTICS_TIME = gauge("recstack_recall_statistics_timestamp_seconds")
CHANNEL_SECONDS = histogram("recstack_recall_channel_duration_seconds")
CHANNEL_SKIPPED = counter("recstack_recall_channel_skipped_total")
CHANNEL_FETCHED = counter("recstack_recall_channel_fetched_items_total")
CHANNEL_KEPT = counter("recstack_recall_channel_kept_items_total")


def observe_attempts(channels: Sequence[str], attempts: Sequence[Attempt]) -> None:
    """Counts what the channels did for a batch."""
    for name, attempt in zip(channels, attempts, strict=True):
        CHANNEL_SECONDS.labels(name).observe(attempt.seconds)
        if attempt.failure is not None:
            CHANNEL_SKIPPED.labels(name, attempt.failure.reason.value).inc()


def observe_seen(kept: int, dropped: int, seen: Seen) -> None:
    """Counts what the filters of seen items cost: how many they left, and how many they took."""
    SEEN_DROPPED.inc(dropped)
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
