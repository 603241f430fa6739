"""What an expression of PromQL speaks of, by its text: enough for the rules and panels here."""

import re
from collections.abc import Iterator

from services.telemetry.instruments import BY_NAME
from services.telemetry.metric import Kind

# What Prometheus itself gives to every sample, and what it knows without the table.
OWN_LABELS = {"job", "instance", "le"}
OWN_NAMES = {"up", "ALERTS"}

_NAME = re.compile(r"\b((?:recstack|process|python)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?")
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def problems(expression: str) -> Iterator[str]:
    """Names and labels in it that are not declared."""
    labels = set(OWN_LABELS)
    for name, matchers in _NAME.findall(expression):
        known = _labels_of(name)
        if known is None:
            yield f"no metric {name}"
            continue
        labels |= known
        yield from (
            f"{name} has no label {label}"
            for label in _MATCHER.findall(matchers)
            if label not in known | OWN_LABELS
        )
    for grouping in _GROUPING.findall(expression):
        for label in filter(None, map(str.strip, grouping.split(","))):
            if label not in labels:
                yield f"nothing here has the label {label}"


def _labels_of(name: str) -> set[str] | None:
    if name in OWN_NAMES:
        return {"alertstate", "alertname"}
    metric = BY_NAME.get(name)
    base, _, suffix = name.rpartition("_")
    if metric is None and suffix in ("bucket", "sum", "count"):
        metric = BY_NAME.get(base)
        return set(metric.labels) if metric and metric.kind is Kind.HISTOGRAM else None
    if metric is None or metric.kind is Kind.HISTOGRAM:  # it has no samples of its own name
        return None
    return set(metric.labels)
