"""The assignment: uniform, sticky, monotone in the weight, independent between layers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from services.domain.arrays import I64
from services.domain.traffic import (
    Arm,
    Assignment,
    Layer,
    LayerArm,
    Policy,
    assign,
    place,
)

RARE = 1e-4  # a good hash gives less than this once in ten thousand salts; these salts are fixed
USERS = [f"{number}" for number in range(50_000)]
SESSIONS = [f"session:{number:032x}" for number in range(50_000)]
POLICY = Policy(1, "a", "b", weight=10.0, control=10.0, salt="a-to-b")
HALVES = (LayerArm("on", 50.0, {"trade_off": 0.7}), LayerArm("off", 50.0, {}))
LAYERED = replace(
    POLICY,
    layers=(
        Layer("diversity", "d", HALVES),
        Layer("boost", "e", (LayerArm("weak", 30.0, {"by": 1.0}), LayerArm("strong", 30.0, {}))),
    ),
)
PERCENT = st.floats(0, 100)


@pytest.mark.parametrize("users", [USERS, SESSIONS], ids=["numbers", "sessions"])
@pytest.mark.parametrize("salt", ["rollout", "a", "2026-11-22.3"])
def test_places_are_uniform(users: list[str], salt: str) -> None:
    places = np.array([place(user, salt) for user in users])
    assert places.min() >= 0
    assert places.max() < 1
    counts, _ = np.histogram(places, bins=100, range=(0, 1))
    assert chisquare(counts).pvalue > RARE
    # And so is what is left of them below the first cut.
    fine, _ = np.histogram(places * 1e4 % 1, bins=100, range=(0, 1))
    assert chisquare(fine).pvalue > RARE


def test_the_chi_square_finds_a_hash_that_is_not_uniform() -> None:
    places = np.array([place(user, "rollout") for user in USERS]) ** 1.05
    counts, _ = np.histogram(places, bins=100, range=(0, 1))
    assert chisquare(counts).pvalue < RARE


@pytest.mark.parametrize(("weight", "control"), [(1, 1), (10, 10), (50, 50), (70, 30), (100, 0)])
def test_arms_have_their_shares(weight: float, control: float) -> None:
    policy = replace(POLICY, weight=float(weight), control=float(control))
    counts = Counter(assign(user, policy).arm for user in USERS)
    shares = {Arm.CANARY: weight, Arm.CONTROL: control, Arm.STABLE: 100 - weight - control}
    assert {arm for arm, share in shares.items() if not share}.isdisjoint(counts)
    named = [arm for arm, share in shares.items() if share]
    if len(named) > 1:
        expected = [shares[arm] / 100 * len(USERS) for arm in named]
        assert chisquare([counts[arm] for arm in named], expected).pvalue > RARE


@given(st.text(max_size=50), PERCENT)
def test_canary_users_get_the_canary_and_all_others_stable(user: str, weight: float) -> None:
    policy = replace(POLICY, weight=weight, control=min(weight, 100 - weight))
    given = assign(user, policy)
    assert given.release == ("b" if given.arm is Arm.CANARY else "a")


@given(st.text(max_size=50), PERCENT, PERCENT)
def test_raising_the_weight_takes_nobody_off_the_canary(user: str, one: float, two: float) -> None:
    low, high = sorted((one, two))
    before = assign(user, replace(POLICY, weight=low, control=min(low, 100 - low)))
    after = assign(user, replace(POLICY, weight=high, control=min(high, 100 - high)))
    if before.arm is Arm.CANARY:
        assert after == before


def test_up_to_a_half_nobody_leaves_the_control_group_either() -> None:
    before = {user for user in USERS if assign(user, POLICY).arm is Arm.CONTROL}
    half = replace(POLICY, weight=50.0, control=50.0)
    assert before
    assert all(assign(user, half).arm is Arm.CONTROL for user in before)


def test_the_whole_circle_is_the_canarys() -> None:
    whole = replace(POLICY, weight=100.0, control=0.0)
    assert {assign(user, whole).arm for user in USERS} == {Arm.CANARY}


def test_a_user_is_sticky_over_versions_and_releases_of_the_rest() -> None:
    later = replace(LAYERED, version=99, lease_seconds=3.0, stable="a2")
    for user in USERS[:1000]:
        assert assign(user, LAYERED).arm == assign(user, later).arm
        assert assign(user, LAYERED).arms == assign(user, later).arms


def test_the_hash_is_the_same_on_every_gateway_and_for_ever() -> None:
    assert place("42", "rollout") == 0.25818007196383475
    policy = Policy(1, "a", "b", weight=25.8)
    assert assign("42", policy) == Assignment("a", Arm.STABLE)
    assert assign("42", replace(policy, weight=25.9)) == Assignment("b", Arm.CANARY)


def test_another_salt_tries_the_canary_on_others() -> None:
    other = replace(POLICY, salt="b-to-c")
    one, two = ([assign(user, policy).arm for user in USERS] for policy in (POLICY, other))
    table = _table(one, two)
    assert chi2_contingency(table).pvalue > RARE


def test_layers_are_independent_of_the_rollout_and_of_each_other() -> None:
    given = [assign(user, LAYERED) for user in USERS]
    labels: list[list[str]] = [
        [one.arm for one in given],
        [one.arms["diversity"] for one in given],
        [one.arms.get("boost", "") for one in given],
    ]
    for one, other in combinations(labels, 2):
        assert chi2_contingency(_table(one, other)).pvalue > RARE
    # What would be found if they shared a salt:
    shared = replace(LAYERED, layers=(Layer("diversity", POLICY.salt, HALVES),))
    arms = [assign(user, shared) for user in USERS]
    table = _table([one.arm for one in arms], [one.arms["diversity"] for one in arms])
    assert chi2_contingency(table).pvalue < RARE


def test_arms_of_layers_have_their_shares_and_override_parameters() -> None:
    given = [assign(user, LAYERED) for user in USERS]
    counts = Counter(one.arms.get("boost", "") for one in given)
    expected = [share * len(USERS) for share in (0.3, 0.3, 0.4)]
    assert chisquare([counts[arm] for arm in ("weak", "strong", "")], expected).pvalue > RARE
    for one in given[:1000]:
        weak = one.arms.get("boost") == "weak"
        on = one.arms["diversity"] == "on"
        expect = ({"trade_off": 0.7} if on else {}) | ({"by": 1.0} if weak else {})
        assert one.parameters == expect


def test_without_a_canary_layers_hold_and_all_are_on_stable() -> None:
    calm = LAYERED.without_canary()
    assert calm.releases == LAYERED.releases == ("a", "b")
    assert not calm.leased
    for user in USERS[:1000]:
        given = assign(user, calm)
        assert (given.release, given.arm) == ("a", Arm.STABLE)
        assert given.arms == assign(user, LAYERED).arms


def _table(one: Sequence[str], other: Sequence[str]) -> I64:
    """Counts of the pairs of two labellings."""
    pairs = Counter(zip(one, other, strict=True))
    rows, columns = sorted(set(one)), sorted(set(other))
    return np.array([[pairs[row, column] for column in columns] for row in rows])
