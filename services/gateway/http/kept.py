"""Bodies that cost much to make and are asked for by anybody, before the door."""

import time
from collections.abc import Callable

SECONDS = 1.0


class Kept:
    """A body that is made at most once in so many seconds, however often it is asked for."""

    def __init__(
        self,
        make: Callable[[], bytes],
        seconds: float = SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._now = now
        self._until = float("-inf")
        self._body = b""

    def body(self) -> bytes:
        """The body as it is, or was less than that time ago."""
        now = self._now()
        if now >= self._until:
            self._body = self._make()
            self._until = now + self._seconds
        return self._body
