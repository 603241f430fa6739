"""Reports of gateways, counts since each began, become blocks of evidence."""

from dataclasses import replace

import numpy as np
import pytest

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport, LaneReport
from services.rollout import ledger as ledgers
from services.rollout.evidence import EvidenceError
from services.rollout.ledger import entered, opened

RELEASES = {Arm.CONTROL: "r1", Arm.CANARY: "r2"}


def lane(arm, requests, errors=0, release=None, latency=(0, 0, 0), **histograms):
    histograms = {"latency": latency, **histograms}
    return LaneReport(
        release or RELEASES[arm],
        arm,
        {"requests": requests, "errors": errors, "microseconds": 7},
        {name: np.array(row, np.int64) for name, row in histograms.items()},
    )


def report(gateway, *lanes, seconds=1000.0):
    return GatewayReport(gateway, seconds, 1, True, {}, lanes)


def look(before, now, *reports):
    return entered(before, now, RELEASES, reports)


def test_a_block_is_what_was_counted_between_two_looks_by_all_gateways():
    ledger = opened(
        100.0,
        [
            report("a", lane(Arm.CONTROL, 50, 5), lane(Arm.CANARY, 40, 4)),
            report("b", lane(Arm.CONTROL, 7)),
        ],
    )
    ledger = look(
        ledger,
        105.0,
        report("a", lane(Arm.CONTROL, 60, 6, latency=(9, 1, 0)), lane(Arm.CANARY, 52, 4)),
        report("b", lane(Arm.CONTROL, 10, 1), lane(Arm.CANARY, 3, 2)),
    )
    assert ledger.control.requests.tolist() == [13]
    assert ledger.control.errors.tolist() == [2]
    assert ledger.control.latency.tolist() == [[9, 1, 0]]
    assert ledger.canary.requests.tolist() == [15]
    assert ledger.canary.errors.tolist() == [2]
    assert (ledger.canary.starts.tolist(), ledger.canary.ends.tolist()) == ([100], [105])


def test_blocks_follow_one_another():
    ledger = opened(0.0, [])
    for second in range(1, 6):
        canary = lane(Arm.CANARY, 10 * second, second, latency=(second, 0, second))
        ledger = look(ledger, float(second), report("a", canary, seconds=second))
    assert ledger.canary.requests.tolist() == [10] * 5
    assert ledger.canary.latency.tolist() == [[1, 0, 1]] * 5
    assert ledger.control.requests.tolist() == [0] * 5
    assert ledger.control.ends.tolist() == [1, 2, 3, 4, 5]


def test_other_arms_and_releases_are_not_counted():
    ledger = look(
        opened(0.0, []),
        1.0,
        report(
            "a",
            lane(Arm.STABLE, 9, release="r1"),
            lane(Arm.CANARY, 9, release="r0"),
            lane(Arm.CONTROL, 9, release="r2"),
            seconds=1,
        ),
    )
    assert not ledger.control.requests.any()
    assert not ledger.canary.requests.any()


def test_a_gateway_that_began_since_counts_from_zero():
    ledger = look(opened(0.0, []), 10.0, report("new", lane(Arm.CANARY, 8), seconds=4.0))
    assert ledger.canary.requests.tolist() == [8]


def test_a_gateway_that_was_there_and_not_known_counts_from_its_first_report():
    ledger = look(opened(0.0, []), 10.0, report("old", lane(Arm.CANARY, 800), seconds=4000.0))
    assert ledger.canary.requests.tolist() == [0]
    ledger = look(ledger, 20.0, report("old", lane(Arm.CANARY, 830), seconds=4010.0))
    assert ledger.canary.requests.tolist() == [0, 30]


def test_a_gateway_that_is_away_for_a_while_is_counted_when_it_is_back():
    ledger = opened(0.0, [report("a", lane(Arm.CANARY, 10))])
    ledger = look(ledger, 5.0)
    ledger = look(ledger, 10.0, report("a", lane(Arm.CANARY, 25)))
    assert ledger.canary.requests.tolist() == [0, 15]


def test_a_lane_that_is_gone_takes_nothing_back():
    ledger = opened(0.0, [report("a", lane(Arm.CANARY, 10))])
    assert look(ledger, 5.0, report("a")).canary.requests.tolist() == [0]


def test_pairs_of_items_are_those_of_all_gateways_in_the_block():
    ledger = look(
        opened(0.0, []),
        1.0,
        report("a", lane(Arm.CANARY, 1, items=(2, 1, 0)), seconds=1),
        report("b", lane(Arm.CANARY, 1, items=(1, 0, 0)), seconds=1),
    )
    assert ledger.canary.same.tolist() == [3 * 2]
    assert ledger.canary.pairs.tolist() == [4 * 3]


def test_a_histogram_may_come_later():
    ledger = look(opened(0.0, []), 1.0, report("a", seconds=1))
    ledger = look(ledger, 2.0, report("a", lane(Arm.CANARY, 3, latency=(1, 2, 0)), seconds=2))
    assert ledger.canary.latency.tolist() == [[0, 0, 0], [1, 2, 0]]


def test_other_buckets_are_refused():
    one = report("a", lane(Arm.CANARY, 3, latency=(1, 2, 0)), seconds=1)
    two = report("b", lane(Arm.CANARY, 3, latency=(1, 2)), seconds=1)
    with pytest.raises(EvidenceError, match="latency: gateways count in different buckets"):
        look(opened(0.0, []), 1.0, one, two)
    ledger = look(opened(0.0, []), 1.0, one)
    with pytest.raises(EvidenceError, match="latency: 2 buckets beside 3 at other times"):
        look(ledger, 2.0, replace(two, seconds=0.5))


def test_a_block_without_length_is_refused():
    with pytest.raises(EvidenceError, match="cannot follow"):
        look(opened(10.0, []), 10.0)


def test_a_step_that_waits_long_has_a_bounded_size(monkeypatch):
    monkeypatch.setattr(ledgers, "MAX_BLOCKS", 10)
    ledger = opened(0.0, [])
    for second in range(1, 40):
        ledger = look(ledger, float(second), report("a", lane(Arm.CANARY, second), seconds=second))
    assert len(ledger.canary.ends) <= 10
    assert ledger.canary.requests.sum() == 39
    assert (ledger.canary.starts[0], ledger.canary.ends[-1]) == (0, 39)
