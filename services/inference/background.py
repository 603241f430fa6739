"""Work that gives way to what serves."""

import ctypes
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread

SWITCH_SECONDS = 0.0005  # that a thread keeps the interpreter while others want it; else 0.005
_TURN = Lock()  # a process does one such work at a time
_HOST = f"recstack-background-{os.getuid()}.lock"  # and so do the processes of a user of a host


def in_background(name: str, work: Callable[[], None]) -> None:
    """Starts `work`, which must not raise, on a thread; the process may end meanwhile.

    Works run one after the other, in no order.
    """
    Thread(target=_in_turn, args=(work,), name=name, daemon=True).start()


def give_back() -> None:
    """Gives memory that is free back to the system; the allocator keeps it otherwise."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)  # of glibc alone


class Pace:
    """Sleeps, when it is called after a part of a work, so that the work takes a share of a core.

    `share`: above 0, at most 1. Of the thread that calls it, which is one alone.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._before: float | None = None

    def __call__(self) -> None:
        now = time.thread_time()  # of CPU: having waited for a core is no reason to sleep
        if self._before is not None:
            time.sleep((now - self._before) * (1 / self._share - 1))
        self._before = now


def _in_turn(work: Callable[[], None]) -> None:
    with _TURN, _turn_of_host():
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
