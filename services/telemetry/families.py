"""Families of samples, for those who count in arrays of their own and are read at each scrape."""

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from services.telemetry.instruments import declared
from services.telemetry.metric import Kind


def counter_family(name: str) -> CounterMetricFamily:
    """No samples yet of a counter; KeyError when the table does not have it."""
    metric = declared(name, Kind.COUNTER)
    return CounterMetricFamily(name, metric.meaning, labels=metric.labels)


def gauge_family(name: str) -> GaugeMetricFamily:
    """No samples yet of a gauge; KeyError when the table does not have it."""
    metric = declared(name, Kind.GAUGE)
    return GaugeMetricFamily(name, metric.meaning, labels=metric.labels)


def histogram_family(name: str) -> HistogramMetricFamily:
    """No samples yet of a histogram; KeyError when the table does not have it."""
    metric = declared(name, Kind.HISTOGRAM)
    return HistogramMetricFamily(name, metric.meaning, labels=metric.labels)
