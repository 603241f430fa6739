"""Metrics of the events service."""

from prometheus_client import Counter, Gauge

ENTRIES = Counter(
    "recstack_log_entries",
    "Entries done: their effects and the position after them are stored.",
    ["kind", "sink"],
)
ROWS = Counter("recstack_log_rows", "Rows in Parquet files that were finished.", ["kind"])
BAD_ENTRIES = Counter(
    "recstack_log_bad_entries", "Entries that could not be decoded; they are skipped.", ["kind"]
)
LAG_ENTRIES = Gauge(
    "recstack_log_lag_entries", "Entries that are not done yet.", ["kind", "partition", "sink"]
)
LAG_SECONDS = Gauge(
    "recstack_log_lag_seconds",
    "Age of the oldest entry that is not done yet; 0: all are.",
    ["kind", "partition", "sink"],
)
DROPPED = Gauge(
    "recstack_log_dropped_entries",
    "Entries that were never read since the stream began: it was full before anybody read them.",
    ["kind", "partition"],
)
FRESHNESS = Gauge(
    "recstack_statistics_age_seconds",
    "Age of the published statistics; -1: another process publishes.",
)
ITEMS = Gauge("recstack_statistics_items", "Items in the snapshot that was published last.")
ERRORS = Counter(
    "recstack_log_errors",
    "Times that a part had to begin again: Redis was away, a file could not be written, or the "
    "lease was lost.",
    ["part", "reason"],
)
