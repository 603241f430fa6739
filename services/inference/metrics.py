"""Metrics of what serves from releases."""

from services.telemetry.instruments import counter, gauge

LOADED = gauge("recstack_release_loaded")
REFUSED = counter("recstack_releases_refused_total")
