"""The clock of leases."""

import time

import pytest

from services.gateway.traffic.clock import steady
from services.gateway.traffic.follow import FollowerConfig


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has such a clock")
def test_a_suspended_machine_loses_its_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7.0}.__getitem__)
    assert steady() == FollowerConfig().clock() == 7.0


def test_it_goes_on() -> None:
    assert steady() <= steady()
