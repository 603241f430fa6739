"""Metrics of the events service."""

from services.telemetry.instruments import counter, gauge

ENTRIES = counter("recstack_log_entries_total")
ROWS = counter("recstack_log_rows_total")
BAD_ENTRIES = counter("recstack_log_bad_entries_total")
LAG_ENTRIES = gauge("recstack_log_lag_entries")
LAG_SECONDS = gauge("recstack_log_lag_seconds")
DROPPED = gauge("recstack_log_dropped_entries")
FRESHNESS = gauge("recstack_statistics_age_seconds")
ITEMS = gauge("recstack_statistics_items")
ERRORS = counter("recstack_log_errors_total")
