"""Work that gives way: its turn, its pace."""

import os
import sys
import threading
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from services.inference.background import SWITCH_SECONDS, Pace, give_back, in_background

PATIENCE = 30.0


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


def test_the_processes_of_a_host_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
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


def test_without_a_place_for_the_lock_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    ended = Event()
    in_background("work", ended.set)
    assert ended.wait(PATIENCE)


def test_a_pace_sleeps_in_proportion_to_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()
    monkeypatch.setattr(time, "thread_time", lambda: now[0])
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = Pace(0.25)
    pace()  # from here on
    for worked in (2.0, 0.0, 1.0):
        now[0] += worked
        pace()
    assert slept == [6.0, 0.0, 3.0]


def test_memory_can_be_given_back() -> None:
    give_back()
