"""What may be the evidence of a step."""

import math
from dataclasses import fields

import numpy as np
import pytest

from services.rollout.evidence import Evidence, EvidenceError
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
    for field in fields(Evidence):
        array = getattr(evidence, field.name)
        assert array.shape[0] == 2, field.name
        if field.name not in ("starts", "ends", "requests"):
            assert not array.any(), field.name


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
    for field in fields(Evidence):
        if field.name not in ("starts", "ends"):
            sums = getattr(half, field.name).sum(axis=0)
            np.testing.assert_allclose(sums, getattr(evidence, field.name).sum(axis=0))


@pytest.mark.parametrize("blocks", [0, 1])
def test_there_is_nothing_coarser_than_a_block(blocks):
    evidence = arm(blocks)
    assert evidence.coarser() is evidence


def test_a_coarser_look_finds_the_same_fault():
    control, canary = arm(80).coarser(), arm(80, errors=5).coarser()
    assert Errors().check(control, canary, 0.001).kind is Kind.ROLL_BACK


def test_it_is_known_how_often_it_was_made_coarser():
    assert arm(0).coarsened == 0
    evidence = arm(8)
    assert evidence.coarsened == 0
    fresh = arm(4, start=8.0)
    for times in (1, 2):
        evidence = evidence.coarser()
        joined = {
            f.name: np.concatenate([getattr(evidence, f.name), getattr(fresh, f.name)])
            for f in fields(Evidence)
        }
        assert Evidence(**joined).coarsened == times
