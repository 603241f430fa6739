"""The clock that leases run out by."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds, never going back. On Linux they pass while the machine is suspended, too."""
    return time.clock_gettime(_CLOCK)
