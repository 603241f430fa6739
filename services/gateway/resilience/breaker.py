"""A circuit breaker (Nygard, Release It!): a stage that keeps failing is not asked for a while."""

from dataclasses import dataclass

from services.gateway.resilience.budget import Clock


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker trips and how it heals.

    Attributes:
        failures: as many in a row trip it.
        ratio: so does this share of failures in a window ...
        calls: ... that has at least this many calls.
        window_seconds: length of a window; windows follow one another.
        lasting_seconds: either only when the first of the failures is at least so long ago: one
            slow batch fails many requests at the same moment, and is no outage.
        pause_seconds: while tripped, one probe passes every so many seconds.
    """

    failures: int = 5
    ratio: float = 0.5
    calls: int = 20
    window_seconds: float = 5.0
    lasting_seconds: float = 0.1
    pause_seconds: float = 1.0


class Breaker:
    """`open()` says whether a request may pass.

    Closed circuit: all pass. Tripped: one probe each `pause_seconds`, whose success closes the
    circuit. A probe without an end (its caller went away) blocks nothing: the next one follows.
    `trips`: how often it tripped; `clock`: the time now.
    """

    def __init__(self, settings: BreakerSettings, clock: Clock) -> None:
        self._settings = settings
        self.clock = clock
        self.trips = 0
        self._probe_at: float | None = None  # None: not tripped
        self._probing = False
        self._row = _Failures()
        self._window = _Failures()
        self._window_end = clock() + settings.window_seconds

    @property
    def tripped(self) -> bool:
        return self._probe_at is not None

    def open(self) -> bool:
        """True when the request may pass; it must then end in `succeeded` or `failed`."""
        if self._probe_at is None:
            return True
        now = self.clock()
        if now < self._probe_at:
            return False
        self._probe_at = now + self._settings.pause_seconds
        self._probing = True
        return True

    def succeeded(self) -> None:
        """A request that passed has its answer."""
        if self._probe_at is None:
            self._row = _Failures()
            self._turn_window()
            self._window.calls += 1
        elif self._probing:  # else a call from before the trip: one late answer heals nothing
            self._probe_at = None
            self._row = _Failures()
            self._window_end = self.clock()

    def failed(self) -> None:
        """A request that passed was let down."""
        if self._probe_at is not None:
            self._probing = False  # the probe is over: a late success is not its
            return
        self._turn_window()
        now, settings = self.clock(), self._settings
        self._row.failed(now)
        self._window.failed(now)
        row, window = self._row, self._window
        many_in_a_row = row.count >= settings.failures and self._lasts(row, now)
        many = window.calls >= settings.calls and window.count >= settings.ratio * window.calls
        if many_in_a_row or (many and self._lasts(window, now)):
            self._probe_at = now + settings.pause_seconds
            self._probing = False
            self.trips += 1

    def _lasts(self, failures: "_Failures", now: float) -> bool:
        return now - failures.since >= self._settings.lasting_seconds

    def _turn_window(self) -> None:
        if self.clock() >= self._window_end:
            self._window = _Failures()
            self._window_end = self.clock() + self._settings.window_seconds


@dataclass(slots=True)
class _Failures:
    """Calls and failures counted together; `since`: the time of the first failure."""

    calls: int = 0
    count: int = 0
    since: float = 0.0

    def failed(self, now: float) -> None:
        self.calls += 1
        if not self.count:
            self.since = now
        self.count += 1
