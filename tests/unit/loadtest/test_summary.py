"""Numbers of calls: percentiles from the due time, what counts as good, failed, refused."""

import numpy as np
import pytest

from loadtest.summary import quantile, summary
from tests.unit.loadtest.calls import Made


def test_percentiles_are_values_that_were_measured() -> None:
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    assert [quantile(values, share) for share in (0.2, 0.5, 0.8, 0.9, 1.0)] == [1, 3, 4, 5, 5]
    assert quantile(np.arange(1.0, 1001.0), 0.999) == 999
    assert quantile(np.array([]), 0.99) == 0.0


def test_latency_counts_from_when_a_call_was_due_not_from_when_it_was_sent() -> None:
    made = Made().ok(due=1.0, seconds=0.5, late=0.4)
    numbers = summary(made.calls, 10.0, 1.0)
    assert numbers.p50_ms == 500.0
    assert (numbers.late, numbers.worst_late_ms) == (1, 400.0)


def test_a_quick_failure_is_no_quick_answer() -> None:
    made = Made().ok(0.0, 0.010).failed(1.0, 0.001)
    numbers = summary(made.calls, 10.0, 1.0)
    assert numbers.p99_ms == 1000.0
    assert numbers.failures == {"UNAVAILABLE": 1}


def test_refusals_are_neither_answers_nor_failures() -> None:
    made = Made().ok(0.0, 0.010).refused(1.0).refused(2.0, delay_ms=None)
    numbers = summary(made.calls, 10.0, 1.0)
    assert (numbers.calls, numbers.refused, numbers.undelayed, numbers.failed) == (3, 2, 1, 0)
    assert numbers.answered == 1
    assert numbers.worst_ms == 10.0
    assert numbers.good_rate == pytest.approx(0.1)


def test_an_answer_after_the_deadline_is_not_good() -> None:
    numbers = summary(Made().ok(0.0, 1.5).ok(1.0, 0.5).calls, 2.0, deadline=1.0)
    assert (numbers.failed, numbers.good_rate, numbers.sent_rate) == (0, 0.5, 1.0)


def test_degraded_and_short_lists_are_counted() -> None:
    calls = Made().ok(0.0, 0.01).degraded(0.5, "rank TIMEOUT", "seen TIMEOUT").calls
    numbers = summary(calls, 1.0, 1.0)
    assert (numbers.degraded, numbers.short) == (1, 1)
    assert calls.skipped == {"rank TIMEOUT": 1, "seen TIMEOUT": 1}
    assert calls.releases == {"r1": 2}


def test_what_warms_up_does_not_count() -> None:
    made = Made().failed(-0.5, 1.0).ok(0.5, 0.01)
    assert len(made.calls) == 1
    assert made.recorder.warming == 1


def test_nothing_was_called() -> None:
    numbers = summary(Made().calls, 1.0, 1.0)
    assert (numbers.calls, numbers.p99_ms, numbers.answered) == (0, 0.0, 0)
