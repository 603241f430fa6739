"""The table of metrics: its names, what is made of it, and that nothing is made beside it."""

import ast
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import prometheus_client
import pytest

from services.telemetry import families, instruments, render
from services.telemetry.metric import LATENCY, Kind, Metric
from services.telemetry.table import TABLE

ROOT = Path(__file__).parents[3]
ALL = [metric for metrics in TABLE.values() for metric in metrics]
OURS = [metric for metric in ALL if metric.name.startswith("recstack_")]
MAKERS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
MAKERS |= {"CounterMetricFamily", "GaugeMetricFamily", "HistogramMetricFamily"}


def test_a_name_is_declared_once() -> None:
    names = [metric.name for metric in ALL]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions_of_prometheus(metric: Metric) -> None:
    """https://prometheus.io/docs/practices/naming/: base units, and what a name ends in."""
    assert re.fullmatch(r"recstack(_[a-z0-9]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    measured = metric.kind is not Kind.COUNTER
    for unit in ("seconds", "bytes", "ratio"):
        if measured and metric.unit == unit:
            assert metric.name.endswith(f"_{unit}")
    assert not re.search(r"_(milliseconds|ms|percent|minutes|mb)(_|$)", metric.name)
    assert all(re.fullmatch("[a-z]+", label) for label in metric.labels)
    assert "le" not in metric.labels
    assert metric.meaning.endswith(".")


@pytest.mark.parametrize(
    "metric", [one for one in ALL if one.kind is Kind.HISTOGRAM], ids=lambda metric: metric.name
)
def test_buckets_are_log_spaced(metric: Metric) -> None:
    steps = [after / before for before, after in pairwise(metric.buckets)]
    assert len(steps) > 5
    assert steps == pytest.approx([steps[0]] * len(steps), rel=2e-3)


def test_a_tenth_of_a_second_is_a_bound_of_latencies() -> None:
    assert {0.01, 0.1, 1.0} < set(LATENCY)
    assert not math.isinf(LATENCY[-1])


@pytest.mark.parametrize(
    "make",
    [
        instruments.counter,
        instruments.gauge,
        instruments.histogram,
        families.counter_family,
        families.gauge_family,
        families.histogram_family,
    ],
)
def test_what_is_not_declared_is_not_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(KeyError, match="recstack_of_my_own_total"):
        make("recstack_of_my_own_total")
    kind = "counter" if "counter" in getattr(make, "__name__", "") else "gauge"
    other = "recstack_redis_up" if kind == "counter" else "recstack_log_rows_total"
    with pytest.raises(KeyError, match="is declared as a"):
        make(other)


def test_the_page_is_what_the_table_says() -> None:
    assert (ROOT / "docs/metrics.md").read_text("utf-8") == render.page(), (
        "run: python -m services.telemetry.render > docs/metrics.md"
    )


def test_instruments_are_made_of_the_table_alone() -> None:
    made = [str(path.relative_to(ROOT)) for path in _modules() if _makes_its_own(path)]
    assert made == []


def test_every_declared_metric_is_made_by_name_somewhere() -> None:
    texts = "\n".join(path.read_text("utf-8") for path in _modules())
    assert [one.name for one in OURS if f'"{one.name}"' not in texts] == []


def test_documents_name_metrics_that_there_are() -> None:
    known = {metric.name for metric in ALL}
    for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")):
        named = set(re.findall(r"`(recstack(?:_[a-z0-9]+){2,})", path.read_text("utf-8")))
        assert named <= known, path.name


def _modules() -> Iterator[Path]:
    for folder in ("services", "recstack", "models"):
        yield from (
            path for path in (ROOT / folder).rglob("*.py") if path.parent.name != "telemetry"
        )


def _makes_its_own(path: Path) -> bool:
    """Whether a module calls a class of prometheus_client that makes a metric."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_client")
        for alias in node.names
        if alias.name in MAKERS
    }
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(
        (isinstance(call, ast.Name) and call.id in names)
        or (
            isinstance(call, ast.Attribute)
            and isinstance(call.value, ast.Name)
            and call.value.id == prometheus_client.__name__
            and call.attr in MAKERS
        )
        for call in calls
    )
