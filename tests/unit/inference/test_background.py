"""Work that gives way: its turn, its pace."""

import fcntl
import os
import sys
import threading
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from services.inference.background import (
    PART_SECONDS,
    SHARE,
    SWITCH_SECONDS,
    give_back,
    give_way,
    in_background,
    paced,
)

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is waited for that others on this machine take."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def _join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE)


def test_what_serves_gets_the_interpreter_sooner_meanwhile() -> None:
    usual, meanwhile, ended = sys.getswitchinterval(), list[float](), Event()

    def work() -> None:
        meanwhile.append(sys.getswitchinterval())
        ended.set()

    in_background("work", work)
    assert ended.wait(PATIENCE)
    assert meanwhile == [pytest.approx(SWITCH_SECONDS)]
    _join("work")
    assert sys.getswitchinterval() == usual


def test_one_work_at_a_time() -> None:
    go_on, running, ended, most = Event(), list[int](), list[int](), list[int]()

    def work(number: int) -> None:
        running.append(number)
        most.append(len(running))
        assert go_on.wait(PATIENCE)
        running.remove(number)
        ended.append(number)
        if len(ended) == 3:
            all_ended.set()

    all_ended = Event()
    for number in range(3):
        in_background(f"work {number}", lambda number=number: work(number))  # type: ignore[misc]
    go_on.set()
    assert all_ended.wait(PATIENCE)
    assert (sorted(ended), most) == ([0, 1, 2], [1, 1, 1])


def test_the_processes_of_a_host_take_turns(tmp_path: Path) -> None:
    begun, may_end, ended = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        assert may_end.wait(PATIENCE)
        ended.set()

    in_background("work", work)
    assert begun.wait(PATIENCE)
    (lock,) = tmp_path.iterdir()
    assert lock.stat().st_mode & 0o777 == 0o600
    code = f"import fcntl; fcntl.flock(open({str(lock)!r}), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    other = Thread(
        target=lambda: codes.append(os.spawnl(os.P_WAIT, sys.executable, "x", "-c", code))
    )
    codes: list[int] = []
    other.start()
    other.join(PATIENCE)
    assert codes == [1]
    may_end.set()
    assert ended.wait(PATIENCE)


def test_an_urgent_work_waits_for_no_other_process_and_is_not_paced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, ended, usual = Hand(monkeypatch), Event(), Event()

    def work() -> None:
        hand.work(1.0)
        ended.set()

    in_background("first", lambda: None)
    _join("first")
    (lock,) = tmp_path.iterdir()
    with lock.open() as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        in_background("usual", usual.set)
        in_background("work", work, urgent=True)
        assert ended.wait(PATIENCE)
        assert not usual.is_set()
    assert usual.wait(PATIENCE)
    assert hand.slept == []


def test_without_a_place_for_the_lock_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    ended = Event()
    in_background("work", ended.set)
    assert ended.wait(PATIENCE)


class Hand:
    """The clock of a thread's CPU time, and what the thread slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        monkeypatch.setattr(time, "thread_time", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.slept.append)

    def work(self, seconds: float) -> None:
        self.now += seconds
        give_way()


def test_a_paced_work_sleeps_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(monkeypatch)
    with paced(0.25):
        for worked in (2.0, 0.0, 1.0):
            hand.work(worked)
    assert hand.slept == [6.0, 3.0]


def test_short_parts_are_slept_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(monkeypatch)
    with paced(0.5):
        hand.work(0.6 * PART_SECONDS)
        assert hand.slept == []
        hand.work(0.6 * PART_SECONDS)
    assert hand.slept == [pytest.approx(1.2 * PART_SECONDS)]


def test_outside_of_paced_work_nothing_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(monkeypatch)
    hand.work(1.0)
    with paced(0.25), paced(1.0):
        hand.work(1.0)
    with paced(0.25):
        pass
    hand.work(1.0)
    assert hand.slept == []


def test_works_in_the_background_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    hand, ended = Hand(monkeypatch), Event()

    def work() -> None:
        hand.work(1.0)
        ended.set()

    in_background("work", work)
    assert ended.wait(PATIENCE)
    assert hand.slept == [pytest.approx(1 / SHARE - 1)]


def test_memory_can_be_given_back() -> None:
    give_back()
