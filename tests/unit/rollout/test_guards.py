"""Each guard: what it takes back, what it lets pass, and what it holds."""

import math

import numpy as np
import pytest

from services.rollout.evidence import LATENCIES
from services.rollout.guards import GUARDS
from services.rollout.guards.blocks import more_often
from services.rollout.guards.clicks import Clicks
from services.rollout.guards.conversions import Conversions
from services.rollout.guards.coverage import Coverage
from services.rollout.guards.degraded import Degraded
from services.rollout.guards.diversity import Diversity
from services.rollout.guards.errors import Errors
from services.rollout.guards.lists import Lists
from services.rollout.guards.overlap import Overlap
from services.rollout.guards.quantiles import NONE, quantiles_before, up_to
from services.rollout.guards.scores import Scores
from services.rollout.guards.slow import Slow
from services.rollout.verdict import Kind
from tests.unit.rollout.arms import REQUESTS, USERS, arm, spread, users

ALPHA = 0.01
ADVANCE, HOLD, ROLL_BACK = Kind.ADVANCE, Kind.HOLD, Kind.ROLL_BACK
ONE_BAD_BLOCK = np.where(np.arange(40) == 20, 90.0, 1.0)
SLOWER = spread([0, 5, 35, 36, 19, 5])
NO_CLICKS = np.zeros((40, USERS))

CASES = [
    # guard, what the canary counts otherwise, the verdict
    (Errors(), {"errors": 1}, ADVANCE),
    (Errors(), {"errors": 0}, ADVANCE),
    (Errors(), {"errors": 3}, ROLL_BACK),
    (Errors(), {"errors": 100}, ROLL_BACK),
    (Errors(ratio=4), {"errors": 3}, ADVANCE),
    (Errors(least=0.03), {"errors": 3}, ADVANCE),
    (Errors(), {"errors": ONE_BAD_BLOCK}, ADVANCE),
    (Errors(samples=5000), {"errors": 1}, HOLD),
    (Errors(samples=5000), {"errors": 3}, ROLL_BACK),
    (Slow(), {}, ADVANCE),
    (Slow(), {"latency": spread([40, 30, 20, 10, 0, 0, 0])}, ADVANCE),
    (Slow(), {"latency": spread([5, 10, 30, 30, 10, 10, 5])}, ROLL_BACK),
    (Slow(ratio=10), {"latency": spread([5, 10, 30, 30, 10, 10, 5])}, ADVANCE),
    (Slow(), {"latency": spread([0, 0, 0, 0, 0, 0, 100])}, ROLL_BACK),
    (Slow(), {"latency_rank": SLOWER}, ROLL_BACK),
    (Slow(), {"latency_recall": SLOWER}, ROLL_BACK),
    (Slow(ratio=10), {"latency_rank": SLOWER}, ADVANCE),
    (Slow(), {"latency_rank": spread([50, 50, 0, 0, 0, 0])}, ADVANCE),
    (Slow(), {"latency_rank": 0}, ADVANCE),
    (Degraded(), {"degraded": 1}, ADVANCE),
    (Degraded(), {"degraded": 10}, ROLL_BACK),
    (Degraded(), {"degraded": ONE_BAD_BLOCK}, ADVANCE),
    (Lists(), {"short": 1}, ADVANCE),
    (Lists(), {"short": 5}, ROLL_BACK),
    (Lists(least=0.1), {"short": 5}, ADVANCE),
    (Scores(), {}, ADVANCE),
    (Scores(), {"scores": spread([250, 600, 750, 400])}, ADVANCE),
    (Scores(), {"scores": spread([0, 0, 0, 2000])}, ROLL_BACK),
    (Scores(), {"scores": spread([2000, 0, 0, 0])}, ROLL_BACK),
    (Scores(), {"scores": spread([0, 2000, 0, 0])}, ROLL_BACK),
    (Scores(distance=0.9), {"scores": spread([0, 0, 0, 2000])}, ADVANCE),
    (Clicks(), {}, ADVANCE),
    (Clicks(), {"user_clicks": users(0.3)}, ADVANCE),
    (Clicks(), {"user_clicks": users(0.08)}, HOLD),
    (Clicks(), {"user_clicks": users(0.02)}, ROLL_BACK),
    (Clicks(), {"user_clicks": NO_CLICKS}, ROLL_BACK),
    (Clicks(), {"user_clicks": 3 * users(0.2)}, ADVANCE),
    (Clicks(tolerance=0.9), {"user_clicks": users(0.1)}, ADVANCE),
    (Conversions(), {}, ADVANCE),
    (Conversions(), {"user_conversions": NO_CLICKS}, ROLL_BACK),
    (Coverage(), {}, ADVANCE),
    (Coverage(), {"same": 20_000}, ADVANCE),
    (Coverage(), {"same": 44_000}, ADVANCE),
    (Coverage(), {"same": 80_000}, ROLL_BACK),
    (Coverage(tolerance=0.6), {"same": 80_000}, ADVANCE),
    (Diversity(), {}, ADVANCE),
    (Diversity(), {"diversity": 70}, ADVANCE),
    (Diversity(), {"diversity": 56}, ADVANCE),
    (Diversity(), {"diversity": 45}, ROLL_BACK),
    (Overlap(), {"overlap": 5}, ADVANCE),
    (Overlap(), {"overlap": 1}, HOLD),
    (Overlap(), {"overlap": 0}, HOLD),
    (Overlap(least=0.05), {"overlap": 1}, ADVANCE),
    (Overlap(), {"compared": 0, "overlap": 0}, HOLD),
]


@pytest.mark.parametrize(("guard", "canary", "kind"), CASES)
def test_verdicts(guard, canary, kind):
    verdict = guard.check(arm(), arm(**canary), ALPHA)
    assert verdict.kind is kind, verdict
    assert verdict.guard == guard.name


def test_both_arms_alike_bad_is_no_fault_of_the_canary():
    bad = arm(errors=50, degraded=80, short=90, latency=spread([0, 0, 0, 0, 50, 46, 4]))
    for guard in (Errors(), Slow(), Degraded(), Lists()):
        assert guard.check(bad, bad, ALPHA).kind is ADVANCE, guard


def test_a_canary_that_is_better_passes():
    worse = arm(errors=20, degraded=20, short=20, same=80_000, diversity=30)
    for guard in (Errors(), Degraded(), Lists(), Coverage(), Diversity()):
        assert guard.check(worse, arm(), ALPHA).kind is ADVANCE, guard


NEEDS = {
    "errors": ("requests", "errors"),
    "slow": ("latency",),
    "degraded": ("requests", "degraded"),
    "lists": ("requests", "short"),
    "scores": ("scores",),
    "clicks": ("user_lists", "user_clicks"),
    "conversions": ("user_lists", "user_conversions"),
    "coverage": ("pairs", "same"),
    "diversity": ("measured", "diversity"),
    "overlap": ("compared", "overlap"),
}
COUNTED = [(guard, field) for guard in GUARDS for field in NEEDS[guard.name]]


def test_every_guard_is_in_the_table():
    assert {guard.name for guard in GUARDS} == NEEDS.keys()
    assert {type(guard) for guard, _, _ in CASES} == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda g: g.name)
def test_no_block_is_no_data(guard):
    empty = arm(blocks=0)
    assert guard().check(empty, empty, ALPHA).kind is HOLD


@pytest.mark.parametrize("guard", GUARDS, ids=lambda g: g.name)
@pytest.mark.parametrize("without", ["both", "control", "canary"])
def test_no_traffic_is_not_success(guard, without):
    nothing = arm(**dict.fromkeys(NEEDS[guard.name], 0))
    control = arm() if without == "canary" else nothing
    canary = arm() if without == "control" else nothing
    kind = guard().check(control, canary, ALPHA).kind
    assert kind is HOLD or (guard is Overlap and without == "control")


@pytest.mark.parametrize(("guard", "field"), COUNTED, ids=lambda p: getattr(p, "name", p))
def test_what_is_not_a_number_is_not_fine(guard, field):
    counts = getattr(arm(), field).copy()
    counts[3] = math.nan
    verdict = guard().check(arm(), arm(**{field: counts}), ALPHA)
    assert verdict.kind is HOLD
    assert all(math.isfinite(number) for number in verdict.numbers.values())
    if guard.judges:
        assert guard().check(arm(**{field: counts}), arm(), ALPHA).kind is HOLD


def test_nothing_counted_is_not_zero_bad_ones():
    canary = arm(requests=0, errors=0, degraded=0, short=0)
    for guard in (Errors(), Degraded(), Lists()):
        assert guard.check(arm(), canary, ALPHA).kind is HOLD


def test_scores_that_are_not_numbers_are_in_the_last_bucket_and_found():
    scores = spread([100, 300, 400, 1200])
    assert Scores().check(arm(), arm(scores=scores), ALPHA).kind is ROLL_BACK


def test_evidence_that_was_enough_once_stays_enough():
    errors = np.where(np.arange(200) < 40, 30.0, 1.0)
    canary, control = arm(200, errors=errors), arm(200)
    assert Errors().check(control, canary, ALPHA).kind is ROLL_BACK


def test_suspicion_holds_a_step():
    errors = np.where(np.arange(12) % 6, 3.0, 1.0)
    measured = Errors().measure(arm(12), arm(12, errors=errors))
    assert math.log(20) <= measured.evidence[-1] < math.log(1e6)
    assert Errors().check(arm(12), arm(12, errors=errors), 1e-6).kind is HOLD


def test_numbers_are_kept():
    numbers = Errors().check(arm(), arm(errors=3), ALPHA).numbers
    assert numbers["canary"] == pytest.approx(3 / REQUESTS)
    assert numbers["control"] == pytest.approx(1 / REQUESTS)
    assert numbers["evidence"] > numbers["threshold"] == pytest.approx(1 / ALPHA)


def test_the_bound_of_slow_is_known_before_the_block():
    quiet, hit = spread([90, 5, 5, 0, 0]), spread([90, 5, 5, 0, 0])
    hit[20] = [0, 0, 0, 0, 100]
    control = arm(latency=hit)
    measured = Slow().measure(control, arm(latency=quiet))
    assert measured.control[-1] > measured.canary[-1]
    same = Slow().measure(control, control)
    np.testing.assert_array_equal(same.control, same.canary)


def test_what_is_slower_is_named():
    verdict = Slow().check(arm(), arm(latency_rank=SLOWER), ALPHA)
    assert "rank above the control's P" in verdict.reason
    assert "prerank" not in verdict.reason
    assert verdict.numbers["canary"] > 1.5 * verdict.numbers["control"] > 0
    whole = spread([0, 0, 0, 0, 0, 0, 100])
    assert "requests above" in Slow().check(arm(), arm(latency=whole), ALPHA).reason


def test_a_median_is_found_when_incidents_hide_the_tail():
    hidden, usual = ([0, 10, 70, 0, 0, 20], [0, 70, 10, 0, 0, 20])
    control = arm(latency_rank=spread(usual))
    verdict = Slow().check(control, arm(latency_rank=spread(hidden)), ALPHA)
    assert verdict.kind is ROLL_BACK
    assert "rank above the control's P50:" in verdict.reason


def test_stages_nobody_counts_add_one_to_the_mean():
    nothing = dict.fromkeys(LATENCIES[1:], 0)
    whole = {"latency": spread([5, 10, 30, 30, 10, 10, 5])}
    alone = Slow().measure(arm(**nothing), arm(**nothing, **whole)).evidence[-1]
    control, canary = arm(), arm(**whole)
    beside = Slow().measure(control, canary).evidence[-1]
    bounds = quantiles_before(control.latency, [0.95])
    parts = [
        (arm.latency.sum(axis=-1) - up_to(arm.latency, bounds)[0]) * (bounds[0] > NONE)
        for arm in (canary, control)
    ]
    known = control.latency.sum(axis=-1) * (bounds[0] > NONE)
    found = more_often((parts[0], known), (parts[1], known), 1.25, 0.01, 100).evidence[-1]
    assert alone == pytest.approx(np.log((np.exp(found) + 8) / 9))
    assert beside < alone


def test_an_arm_without_a_request_yet_has_fewer_buckets():
    shown = np.zeros((40, 160))
    shown[:, 80:90] = 10
    wide = arm(**dict.fromkeys(LATENCIES, shown), scores=shown)
    none = arm(**dict.fromkeys(LATENCIES, np.zeros((40, 1))), scores=np.zeros((40, 1)))
    for guard in (Slow(), Scores()):
        assert guard.check(wide, none, ALPHA).kind is HOLD
        assert guard.check(none, wide, ALPHA).kind is HOLD


def test_evidence_that_is_weighed_anew_needs_more():
    control, canary = arm(20), arm(20, errors=3)
    once = Errors().check(control, canary, ALPHA).numbers["threshold"]
    again = Errors().check(control.coarser(), canary.coarser(), ALPHA).numbers["threshold"]
    assert (once, again) == (pytest.approx(1 / ALPHA), pytest.approx(3 / ALPHA))
