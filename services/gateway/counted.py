"""Counts one call of the public API."""

from asyncio import CancelledError

from services.chassis.errors import InvalidArgumentError
from services.gateway.errors import GatewayError
from services.gateway.metrics import count_degraded, requests
from services.gateway.resilience.budget import Clock
from services.gateway.stats import Meter
from services.gateway.trace import Trace


class Counted:
    """Counts what happens inside, also when it fails or the caller goes away.

    Args:
        meter: of the call.
        clock: the time now.
        release: that answers; empty when the call does not ask one.

    Attributes:
        release: may change while it is answered.
        error: a part of what was asked could not be done.
        seconds: how long it took, when it is over.
    """

    def __init__(self, meter: Meter, clock: Clock, release: str = "") -> None:
        self._meter = meter
        self._clock = clock
        self.release = release
        self.error = self.degraded = self._empty = self._short = False

    def listed(self, items: int, wanted: int) -> None:
        """A list of so many items is the answer."""
        self._empty = not items
        self._short = items < wanted

    def served(self, trace: Trace) -> None:
        """The answer came this way: what each stage was given and kept, and what is missing."""
        self.degraded = bool(trace.degraded)
        count_degraded(trace.degraded)
        self._meter.passed(trace.steps)

    @property
    def so_far(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._start

    def __enter__(self) -> "Counted":
        self._start = self._clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.seconds = seconds = self._clock() - self._start
        error = self.error or kind is not None
        self._meter.add(seconds, error, self.degraded, self._empty, self._short)
        requests(self._meter.name, self._code(kind), self.release).inc()

    def _code(self, kind: type[BaseException] | None) -> str:
        """The status code of gRPC that the call ends with; a part that failed counts as a whole."""
        if kind is None:
            return "UNAVAILABLE" if self.error else "OK"
        if issubclass(kind, GatewayError):
            return kind.code
        if issubclass(kind, CancelledError):
            return "CANCELLED"
        return "INVALID_ARGUMENT" if issubclass(kind, InvalidArgumentError) else "INTERNAL"
