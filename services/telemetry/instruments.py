"""Instruments of prometheus_client, made of the table: what is not declared cannot be exported."""

import prometheus_client
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from services.telemetry.metric import Kind, Metric
from services.telemetry.table import TABLE

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of all lines

BY_NAME = {metric.name: metric for metrics in TABLE.values() for metric in metrics}


def declared(name: str, kind: Kind) -> Metric:
    """The row of a metric.

    Raises:
        KeyError: the table has none of this name and kind.
    """
    metric = BY_NAME[name]
    if metric.kind is not kind:
        raise KeyError(f"{name} is declared as a {metric.kind.value}, not as a {kind.value}")
    return metric


def counter(name: str) -> Counter:
    """The counter of this name; make it once, when the module is imported.

    Raises:
        KeyError: the table does not have it.
    """
    metric = declared(name, Kind.COUNTER)
    return Counter(name, metric.meaning, metric.labels, registry=REGISTRY)


def gauge(name: str) -> Gauge:
    """The gauge of this name.

    Raises:
        KeyError: the table does not have it.
    """
    metric = declared(name, Kind.GAUGE)
    return Gauge(name, metric.meaning, metric.labels, registry=REGISTRY)


def histogram(name: str) -> Histogram:
    """The histogram of this name, with its buckets.

    Raises:
        KeyError: the table does not have it.
    """
    metric = declared(name, Kind.HISTOGRAM)
    return Histogram(name, metric.meaning, metric.labels, buckets=metric.buckets, registry=REGISTRY)
