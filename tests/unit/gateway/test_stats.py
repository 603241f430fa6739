"""Counting: percentiles against numpy, windows, workers that add up."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from services.gateway.collectors import StatsCollector, register
from services.gateway.stats import (
    BUCKETS,
    COUNTERS,
    FIRST_BOUND,
    RATIO,
    SERIES,
    Stats,
    bounds,
    bucket_of,
    percentile,
    summary,
)
from services.gateway.stats_report import merged, report
from services.gateway.trace import Step
from tests.unit.gateway.clock import Clock

WITHIN = math.sqrt(RATIO) - 1 + 1e-9  # the stated bound: half a bucket


@given(st.floats(1e-7, 59.0))
def test_a_latency_is_in_its_bucket(seconds: float) -> None:
    bucket = bucket_of(seconds)
    upper = bounds()[bucket]
    assert seconds <= upper * (1 + 1e-9)
    assert bucket == 0 or seconds > upper / RATIO * (1 - 1e-9)


def test_the_longest_have_the_last_bucket() -> None:
    assert bounds()[-1] > 60
    assert bucket_of(1e9) == BUCKETS - 1


@given(
    st.lists(st.floats(FIRST_BOUND, 59.0), min_size=1, max_size=300),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_percentiles_are_as_close_as_stated(latencies: list[float], share: float) -> None:
    buckets = np.bincount([bucket_of(s) for s in latencies], minlength=BUCKETS)
    exact = float(np.percentile(latencies, share * 100, method="inverted_cdf"))
    assert percentile(buckets, share) == pytest.approx(exact, rel=WITHIN)


def test_failures_and_their_latency_count() -> None:
    clock = Clock()
    stats = Stats(clock)
    recall, whole = stats.meter("recall"), stats.meter("Recommend")
    for _ in range(98):
        recall.add(0.001)
        whole.add(0.002, degraded=True)
    recall.add(0.5, error=True)
    recall.skip()
    whole.add(0.5, error=True)
    whole.add(0.001, empty=True)
    clock.move(2.0)
    rows, length = stats.window(10)
    one = summary(rows[SERIES.index("recall")], length)
    assert one["requests"] == 100
    assert one["error_rate"] == pytest.approx(0.02)
    assert one["degraded_rate"] == pytest.approx(0.01)
    assert one["p50_ms"] == pytest.approx(1.0, rel=WITHIN)
    assert one["p99_ms"] == pytest.approx(500.0, rel=WITHIN)  # 98 of 99 latencies are 1 ms
    assert one["qps"] == pytest.approx(50.0)
    all_ = summary(rows[SERIES.index("Recommend")], length)
    assert all_["degraded_rate"] == pytest.approx(0.98)
    assert all_["empty_rate"] == pytest.approx(0.01)
    assert all_["p99_ms"] == pytest.approx(2.0, rel=WITHIN)


@given(st.lists(st.tuples(st.floats(0.0, 400.0), st.integers(1, 5)), max_size=30))
def test_windows_count_the_seconds_they_cover(moves: list[tuple[float, int]]) -> None:
    clock = Clock()
    stats = Stats(clock, ("only",))
    meter = stats.meter("only")
    added: list[float] = []
    for seconds, count in moves:
        clock.move(seconds)
        for _ in range(count):
            meter.add(0.01)
        added += [clock()] * count
    for window in (10, 60, 300):
        rows, _ = stats.window(window)
        expected = sum(int(clock()) - int(at) < window for at in added)
        assert rows[0][0] == expected
        assert rows[0][len(COUNTERS) :].sum() == expected
    assert stats.totals()[0][0] == len(added)


def test_the_first_seconds_are_not_divided_by_the_whole_window() -> None:
    clock = Clock()
    stats = Stats(clock, ("only",))
    clock.move(4.0)
    stats.meter("only").add(0.01)
    assert stats.window(300)[1] == pytest.approx(4.0)
    clock.move(1000.5)
    assert stats.window(300)[1] == pytest.approx(299.5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(1e-4, 1.0), max_size=60), st.integers(1, 4))
def test_workers_add_up(latencies: list[float], workers: int) -> None:
    clock = Clock()
    one, several = Stats(clock), [Stats(clock) for _ in range(workers)]
    for i, seconds in enumerate(latencies):
        one.meter("rank").add(seconds, error=i % 3 == 0)
        several[i % workers].meter("rank").add(seconds, error=i % 3 == 0)
    clock.move(3.0)
    bodies = [json.loads(json.dumps(report(stats, "r1", 1))) for stats in several]
    assert merged(bodies) == report(one, "r1", 1)["windows"]


def test_what_cannot_be_added_up_is_refused() -> None:
    with pytest.raises(ValueError, match="no worker"):
        merged([])
    one, other = report(Stats(Clock()), "r1", 1), report(Stats(Clock()), "r1", 2)
    other["layout"] = {**other["layout"], "ratio": 1.1}
    with pytest.raises(ValueError, match="different"):
        merged([one, other])


def test_prometheus_reads_the_same_arrays() -> None:
    stats = Stats(Clock())
    for seconds in (0.001, 0.001, 0.2):
        stats.meter("rank").add(seconds, error=seconds > 0.1)
    whole = stats.meter("Recommend")
    whole.add(0.1, degraded=True, short=True)
    whole.add(0.1, empty=True, short=True)
    whole.passed([Step("recall", 0, 200, 0.01, None), Step("rank", 200, 200, 0.01, None)])
    whole.passed([Step("rank", 50, 10, 0.01, None)])
    registry = CollectorRegistry()
    register(registry, StatsCollector(stats))
    text = generate_latest(registry).decode()
    assert 'recstack_gateway_stage_duration_seconds_count{stage="rank"} 3.0' in text
    assert 'recstack_gateway_stage_duration_seconds_sum{stage="rank"} 0.202' in text
    assert 'recstack_gateway_request_duration_seconds_count{rpc="Recommend"} 2.0' in text
    assert 'recstack_gateway_degraded_total{rpc="Recommend"} 1.0' in text
    assert 'recstack_gateway_empty_lists_total{rpc="Recommend"} 1.0' in text
    assert 'recstack_gateway_short_lists_total{rpc="Recommend"} 2.0' in text
    assert 'recstack_gateway_stage_received_candidates_total{stage="rank"} 250.0' in text
    assert 'recstack_gateway_stage_kept_candidates_total{stage="rank"} 210.0' in text


def test_prometheus_buckets_hold_what_their_bounds_say() -> None:
    stats, registry = Stats(Clock()), CollectorRegistry()
    name = "recstack_gateway_stage_duration_seconds"
    register(registry, StatsCollector(stats))

    def buckets() -> dict[float, float]:
        text = generate_latest(registry).decode()
        lines = [line for line in text.splitlines() if line.startswith(f"{name}_bucket")]
        return {
            float(line.split('le="')[1].split('"')[0]): float(line.rsplit(" ", 1)[1])
            for line in lines
            if 'stage="rank"' in line
        }

    edges = [bound for bound in buckets() if bound != math.inf]
    assert len(edges) > 15
    latencies = [bound * factor for bound in edges for factor in (0.999, 1.001)]
    for seconds in latencies:
        stats.meter("rank").add(seconds)
    assert buckets() == {
        bound: sum(seconds <= bound for seconds in latencies) for bound in [*edges, math.inf]
    }
