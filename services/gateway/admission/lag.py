"""What the event loop adds to every call before it is looked at."""

import asyncio

from services.gateway.resilience.budget import Clock

TURNS = 4  # of the loop, from a call's arrival to its handler


class LoopLag:
    """Measures the time of four turns, when told to: that costs four callbacks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = 0
        self._start = 0.0
        self.seconds = 0.0

    def measure(self) -> None:
        """Starts a measurement, unless one runs."""
        if not self._left:
            self._left = TURNS
            self._start = self._clock()
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._left -= 1
        if self._left:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self.seconds = self._clock() - self._start
