"""Counts one call of the public API."""

from services.gateway.resilience.budget import Clock
from services.gateway.stats import Meter


class Counted:
    """Counts what happens inside, also when it fails or the caller goes away."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock
        self.error = self.degraded = self.empty = False

    def __enter__(self) -> "Counted":
        self._start = self._clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        seconds = self._clock() - self._start
        error = self.error or kind is not None
        self._meter.add(seconds, error, self.degraded, self.empty)
