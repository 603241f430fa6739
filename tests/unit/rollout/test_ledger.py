"""Reports of gateways, counts since each began, become blocks of evidence."""

import math

import numpy as np
import pytest

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport, LaneReport
from services.rollout import ledger as ledgers
from services.rollout.evidence import WIDE, EvidenceError
from services.rollout.ledger import entered, opened

RELEASES = {Arm.CONTROL: "r1", Arm.CANARY: "r2"}


def lane(arm, requests, errors=0, release=None, latency=(0, 0, 0, 0), **histograms):
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
        report("a", lane(Arm.CONTROL, 60, 6, latency=(9, 1, 4, 0)), lane(Arm.CANARY, 52, 4)),
        report("b", lane(Arm.CONTROL, 10, 1), lane(Arm.CANARY, 3, 2)),
    )
    assert ledger.control.requests.tolist() == [13]
    assert ledger.control.errors.tolist() == [2]
    assert ledger.control.latency.tolist() == [[10, 4]]
    assert ledger.canary.requests.tolist() == [15]
    assert ledger.canary.errors.tolist() == [2]
    assert (ledger.canary.starts.tolist(), ledger.canary.ends.tolist()) == ([100], [105])


def test_blocks_follow_one_another():
    ledger = opened(0.0, [])
    for second in range(1, 6):
        canary = lane(Arm.CANARY, 10 * second, second, latency=(second, 0, 0, second))
        ledger = look(ledger, float(second), report("a", canary, seconds=second))
    assert ledger.canary.requests.tolist() == [10] * 5
    assert ledger.canary.latency.tolist() == [[1, 1]] * 5
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
    ledger = look(ledger, 2.0, report("a", lane(Arm.CANARY, 3, latency=(1, 2, 4)), seconds=2))
    assert ledger.canary.latency.tolist() == [[0, 0], [3, 4]]


def test_what_gateways_count_in_different_buckets_is_left_out():
    one = report("a", lane(Arm.CANARY, 3, 1, latency=(1, 2, 0)), seconds=1)
    two = report("b", lane(Arm.CONTROL, 3, latency=(1, 2)), seconds=1)
    ledger = look(opened(0.0, []), 1.0, one, two)
    assert ledger.left_out == ("latency: gateways count in different buckets",)
    assert (ledger.canary.errors.tolist(), ledger.control.requests.tolist()) == ([1], [3])
    assert not ledger.canary.latency.any()
    assert not ledger.control.latency.any()
    ledger = look(ledger, 2.0, report("a", lane(Arm.CANARY, 4, 1, latency=(2, 2, 0)), seconds=2))
    assert ledger.left_out == ()
    assert ledger.canary.latency.tolist() == [[0, 0], [1, 0]]


def test_other_buckets_than_before_are_refused():
    ledger = look(
        opened(0.0, []), 1.0, report("a", lane(Arm.CANARY, 3, latency=(1, 2, 0)), seconds=1)
    )
    with pytest.raises(EvidenceError, match="latency: 1 buckets beside 2 at other times"):
        look(ledger, 2.0, report("b", lane(Arm.CANARY, 3, latency=(1, 2)), seconds=0.5))
    same = report("a", lane(Arm.CANARY, 5, latency=(1, 4)), seconds=2)
    assert look(ledger, 2.0, same).canary.requests.tolist() == [3, 0], "from the next one on"


@pytest.mark.parametrize(
    "nonsense",
    [
        LaneReport("r2", Arm.CANARY, {"requests": 9, "errors": -1}, {}),
        LaneReport("r2", Arm.CANARY, {"requests": math.inf}, {}),
        LaneReport("r1", Arm.CONTROL, {"requests": 9}, {"latency": np.array([], np.int64)}),
    ],
)
def test_a_gateway_that_reports_nonsense_is_left_out(nonsense):
    arms = (lane(Arm.CONTROL, 5), lane(Arm.CANARY, 4, 2))
    ledger = look(
        opened(0.0, []), 1.0, report("a", *arms, seconds=1), report("b", nonsense, seconds=1)
    )
    assert [reason.partition(":")[0] for reason in ledger.left_out] == ["gateway b"]
    assert (ledger.canary.requests.tolist(), ledger.canary.errors.tolist()) == ([4], [2])
    assert ledger.control.requests.tolist() == [5]


def test_what_is_no_count_of_ours_is_passed_over():
    odd = LaneReport(
        "r2", Arm.CANARY, {"requests": 3, "drift": -1}, {"requests": np.array([1, 2], np.int64)}
    )
    ledger = look(opened(0.0, []), 1.0, report("a", odd, seconds=1))
    assert (ledger.canary.requests.tolist(), ledger.left_out) == ([3], ())


def test_a_block_without_length_is_refused():
    with pytest.raises(EvidenceError, match="cannot follow"):
        look(opened(10.0, []), 10.0)


def test_a_step_that_waits_long_has_a_bounded_size(monkeypatch):
    monkeypatch.setattr(ledgers, "MAX_BLOCKS", 10)
    ledger = opened(0.0, [])
    for second in range(1, 40):
        ledger = look(ledger, float(second), report("a", lane(Arm.CANARY, second), seconds=second))
        # At 11, 16, 21 ... blocks they become half as many.
        assert ledger.canary.coarsened == ledger.control.coarsened == max(0, (second - 6) // 5)
    assert len(ledger.canary.ends) <= 10
    assert ledger.canary.requests.sum() == 39
    assert (ledger.canary.starts[0], ledger.canary.ends[-1]) == (0, 39)


def test_a_late_report_of_a_frozen_gateway_is_ignored():
    ledger = look(opened(0.0, []), 5.0, report("a", lane(Arm.CANARY, 50, 1), seconds=5))
    ledger = look(ledger, 10.0, report("a", lane(Arm.CANARY, 20), seconds=3))
    assert ledger.canary.requests.tolist() == [50, 0]
    ledger = look(ledger, 15.0, report("a", lane(Arm.CANARY, 60, 1), seconds=15))
    assert ledger.canary.requests.tolist() == [50, 0, 10]
    assert ledger.canary.errors.tolist() == [1, 0, 0]


def test_a_lane_that_was_opened_again_counts_from_zero():
    ledger = opened(0.0, [report("a", lane(Arm.CANARY, 50, 9))])
    ledger = look(ledger, 5.0, report("a", lane(Arm.CANARY, 20, 2)))
    assert ledger.canary.requests.tolist() == [20]
    assert ledger.canary.errors.tolist() == [2]


def test_stages_have_latencies_of_their_own():
    rank = lane(Arm.CANARY, 3, latency_rank=(1, 2, 0, 0), latency_recall=(0, 0, 0, 3))
    canary = look(opened(0.0, []), 1.0, report("a", rank, seconds=1)).canary
    assert canary.latency_rank.tolist() == [[3, 0]]
    assert canary.latency_recall.tolist() == [[0, 3]]
    assert not canary.latency_rerank.any()


def test_what_lists_have_in_common_comes_from_the_canarys_shadow():
    shadow = LaneReport("r2", Arm.SHADOW, {"requests": 9, "compared": 8, "overlap": 2.5}, {})
    ledger = opened(0.0, [])
    ledger = look(ledger, 1.0, report("a", lane(Arm.CANARY, 3), shadow, seconds=1))
    ledger = look(ledger, 2.0, report("a", lane(Arm.CANARY, 4), shadow, seconds=2))
    assert ledger.canary.compared.tolist() == [8, 0]
    assert ledger.canary.overlap.tolist() == [2.5, 0]
    assert ledger.canary.requests.tolist() == [3, 1]
    assert not ledger.control.compared.any()


def test_gateways_that_are_gone_are_forgotten_after_some_others(monkeypatch):
    monkeypatch.setattr(ledgers, "MAX_GONE", 2)
    ledger = opened(0.0, [])
    for second in range(1, 9):
        ledger = look(ledger, float(second), report(f"g{second}", seconds=0.5))
    assert list(ledger.reports) == ["g6", "g7", "g8"]


def test_arms_have_the_same_buckets_when_one_had_no_request_yet():
    canary = lane(Arm.CANARY, 3, latency_rank=(0, 0, 1, 2), user_lists=(1, 2, 0))
    ledger = look(opened(0.0, []), 1.0, report("a", canary, seconds=1))
    for name in WIDE:
        assert getattr(ledger.control, name).shape == getattr(ledger.canary, name).shape
    assert not ledger.control.latency_rank.any()
