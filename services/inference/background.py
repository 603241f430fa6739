"""Work that gives way to what serves."""

import ctypes
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread, local

SHARE = 0.05  # of a core that a work in the background takes
PART_SECONDS = 0.0005  # of computing without a pause
SWITCH_SECONDS = 0.0005  # that a thread keeps the interpreter while others want it; else 0.005
_TURN = Lock()  # a process does one such work at a time
_HOST = f"recstack-background-{os.getuid()}.lock"  # and so do the processes of a user of a host
_OWN = local()  # `pace` of a thread


def in_background(name: str, work: Callable[[], None], *, urgent: bool = False) -> None:
    """Starts `work`, which must not raise, on a thread; the process may end meanwhile.

    Works run one after the other, in no order, each paced at SHARE; but one that is `urgent` waits
    for no other process and runs at full speed.
    """
    how = _at_once if urgent else _in_turn
    Thread(target=how, args=(work,), name=name, daemon=True).start()


def give_back() -> None:
    """Gives memory that is free back to the system; the allocator keeps it otherwise."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)  # of glibc alone


@contextmanager
def paced(share: float) -> Iterator[None]:
    """What this thread does in here takes a share of a core, above 0, at most 1."""
    before, _OWN.pace = _pace(), _Pace(share)
    try:
        yield
    finally:
        _OWN.pace = before


def give_way() -> None:
    """To be called between the parts of a work, often: sleeps now and then where it is paced.

    Not only for the sake of the core. A loop of short calls that let go of the interpreter, such as
    products of small arrays, has it back before a thread that waits for it has woken up: that one
    then waits until the loop sleeps or ends.
    """
    if (pace := _pace()) is not None:
        pace()


class _Pace:
    """Sleeps in proportion to what the thread that made it has computed since."""

    def __init__(self, share: float) -> None:
        self._idle = 1 / share - 1  # seconds for one of computing
        self._before = time.thread_time()

    def __call__(self) -> None:
        # Of CPU: having waited for a core is no reason to sleep.
        worked = time.thread_time() - self._before
        if worked >= PART_SECONDS and self._idle:
            time.sleep(worked * self._idle)
            self._before = time.thread_time()


def _pace() -> _Pace | None:
    return getattr(_OWN, "pace", None)


def _at_once(work: Callable[[], None]) -> None:
    with _TURN:
        work()


def _in_turn(work: Callable[[], None]) -> None:
    # In this order: what waits for another process keeps nothing urgent of this one waiting.
    with _turn_of_host(), _TURN, paced(SHARE):
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)  # what serves has it sooner
        try:
            work()
        finally:
            sys.setswitchinterval(usual)


@contextmanager
def _turn_of_host() -> Iterator[None]:
    """One process of this user at a time, where they share a folder for temporary files."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(os.path.join(tempfile.gettempdir(), _HOST), flags, 0o600)
    except OSError:  # such as a container without one
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
