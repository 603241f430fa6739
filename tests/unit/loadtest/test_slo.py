"""Each broken SLO is named, and a load that keeps them all holds."""

from dataclasses import replace

import pytest

from loadtest.options import Options
from loadtest.result import Sender, result
from loadtest.slo import checks
from tests.unit.loadtest.calls import Made

STEADY = Options(rate=10.0, seconds=10.0)
SPIKE = Options(shape="spike", rate=10.0, seconds=40.0, peak=3.0, refused=1.0)
SENDER = Sender(cpu_seconds=0.1, wall_seconds=10.0, calls=100)


def broken(made: Made, options: Options, sender: Sender = SENDER) -> list[str]:
    found = result(made.calls, options, sender)
    return [check.name for check in checks(found, options) if not check.holds]


def test_a_good_load_holds() -> None:
    assert broken(Made().steadily(0, 10), STEADY) == []


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (Made().steadily(0, 9).steadily(9, 10, seconds=0.3), "P99 of lists"),
        (Made().steadily(0, 10).failed(5.0, 0.1), "failed calls"),
        (Made().steadily(0, 10).refused(5.0), "refused calls"),
        (Made().steadily(0, 10).refused(5.0, delay_ms=None), "refusals without a delay"),
        (Made().steadily(0, 10).degraded(1.0, "rank DOWN").degraded(2.0, "rank DOWN"),
         "degraded lists"),
    ],
)  # fmt: skip
def test_each_broken_slo_is_named(made: Made, name: str) -> None:
    assert name in broken(made, STEADY)


def test_short_lists_may_be_few_and_empty_ones_none() -> None:
    made = Made().steadily(0, 10).listed(5.0, 19)
    assert broken(made, STEADY) == []
    assert broken(made, replace(STEADY, short=0.0)) == ["short lists"]
    assert broken(made.listed(5.1, 0), replace(STEADY, short=1.0)) == ["empty lists"]


def test_empty_lists_are_not_good() -> None:
    found = result(Made().listed(0.5, 1).listed(0.6, 0).calls, STEADY, SENDER)
    assert found.lists.good_rate * STEADY.seconds == 1
    assert found.line.good[0] == 1
    assert found.lists.answered == 2


def test_a_load_that_was_sent_late_is_not_valid() -> None:
    made = Made()
    for second in range(10):
        made.ok(second, 0.05, late=0.02 if second < 2 else 0.0)
    assert broken(made, STEADY) == ["calls sent late"]
    assert broken(made, replace(STEADY, late=0.2)) == []


def test_lists_without_an_end_break_it() -> None:
    assert broken(Made().steadily(0, 10), STEADY, replace(SENDER, unfinished=1)) == [
        "lists without an end"
    ]


def test_a_load_of_which_nothing_was_answered_breaks_it() -> None:
    made = Made().refused(1.0).refused(2.0)
    assert "lists answered" in broken(made, replace(STEADY, refused=1.0))


def overload(good_until: float, normal_from: float) -> Made:
    """Peak from 10 to 30 s; refusals in it and until `normal_from`."""
    made = Made().steadily(0, good_until).steadily(normal_from, 40)
    for tenth in range(100, round(normal_from * 10)):
        made.refused(tenth / 10)
    return made


def test_a_spike_recovers_in_time_or_not() -> None:
    assert broken(overload(30, 34), replace(SPIKE, goodput=0.9)) == []
    assert broken(overload(30, 36), SPIKE) == ["normal again after the peak"]
    assert broken(overload(30, 40), SPIKE) == ["normal again after the peak"]


def test_goodput_that_falls_in_the_peak_is_named() -> None:
    assert broken(overload(20, 30), replace(SPIKE, goodput=0.9)) == ["good lists in the peak"]
