"""What may be the evidence of a step."""

import math
from dataclasses import replace

import numpy as np
import pytest

from services.rollout.evidence import COUNTED, TIMES, Evidence, EvidenceError
from services.rollout.guards.errors import Errors
from services.rollout.verdict import Kind
from tests.unit.rollout.arms import arm


@pytest.mark.parametrize(
    ("starts", "ends", "counts", "said"),
    [
        ([0, 1], [1, 2], {"requests": [1]}, "requests"),
        ([0, 1], [1, 2], {"requests": [1, -1]}, "requests"),
        ([0, 1], [1, 2], {"requests": [1, math.inf]}, "requests"),
        ([0, 1], [1, 2], {"requests": [1, 1], "errors": [1, 1, 1]}, "errors"),
        ([0, 1], [1, 2], {"requests": [1, 1], "latency": [1, 1]}, "latency"),
        ([0, 1], [1, 2], {"requests": [1, 1], "eror": [1, 1]}, "eror"),
        ([0, 1], [1, 2], {"requests": [1, 1], "coarsened": [1, 1]}, "coarsened"),
        ([0, 1], [1, 2, 3], {"requests": [1, 1]}, "starts, ends"),
        ([0, math.nan], [1, 2], {"requests": [1, 1]}, "starts, ends"),
        ([1, 0], [2, 1], {"requests": [1, 1]}, "starts, ends"),
        ([0, 0.5], [1, 2], {"requests": [1, 1]}, "starts, ends"),
        ([0, 1], [0, 2], {"requests": [1, 1]}, "starts, ends"),
    ],
)
def test_what_is_wrong_is_named(starts, ends, counts, said):
    with pytest.raises(EvidenceError, match=said):
        Evidence.of(starts, ends, **counts)


def test_what_nobody_counts_is_zero_in_every_block():
    evidence = Evidence.of([0, 1], [1, 2], [5, 6])
    for name in (*TIMES, *COUNTED):
        array = getattr(evidence, name)
        assert array.shape[0] == 2, name
        if name not in (*TIMES, "requests"):
            assert not array.any(), name


def test_blocks_that_began_before_a_moment_are_left_out():
    evidence = arm(10, start=100.0, errors=np.arange(10))
    later = evidence.since(104.5)
    assert later.starts.tolist() == [105, 106, 107, 108, 109]
    assert later.errors.tolist() == [5, 6, 7, 8, 9]
    assert later.latency.shape == (5, 7)
    assert evidence.since(100.0) is evidence


def test_two_blocks_are_one_when_it_is_coarser():
    evidence = arm(5, start=10.0, errors=[1, 2, 3, 4, 5])
    half = evidence.coarser()
    assert half.starts.tolist() == [10, 12, 14]
    assert half.ends.tolist() == [12, 14, 15]
    assert half.errors.tolist() == [3, 7, 5]
    for name in COUNTED:
        sums = getattr(half, name).sum(axis=0)
        np.testing.assert_allclose(sums, getattr(evidence, name).sum(axis=0))


@pytest.mark.parametrize("blocks", [0, 1])
def test_there_is_nothing_coarser_than_a_block(blocks):
    evidence = arm(blocks)
    assert evidence.coarser() is evidence


def test_a_coarser_look_finds_the_same_fault():
    control, canary = arm(80).coarser(), arm(80, errors=5).coarser()
    assert Errors().check(control, canary, 0.001).kind is Kind.ROLL_BACK


def test_it_is_known_how_often_it_was_made_coarser():
    evidence = arm(8)
    assert evidence.coarsened == 0
    for times in (1, 2, 3):
        evidence = evidence.coarser()
        assert evidence.coarsened == times
        assert evidence.since(2.0).coarsened == times
    assert evidence.coarser().coarsened == 3, "one block cannot be any coarser"


@pytest.mark.parametrize("ends", [[1.1, 1.85], [2.0, 2.7, 3.5], [8.0, 8.5]])
def test_blocks_of_other_lengths_were_not_made_coarser(ends):
    """A look that comes late, as from a leader that was slow, is no second look at the same."""
    starts = [0.0, *ends[:-1]]
    assert Evidence.of(starts, ends, np.ones(len(ends))).coarsened == 0
    late = replace(arm(len(ends)), starts=np.array(starts), ends=np.array(ends))
    assert Errors().check(late, late, 0.001).numbers["threshold"] == pytest.approx(1000)
