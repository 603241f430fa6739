"""The door of the gateway."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from services.gateway.admission.lag import LoopLag
from services.gateway.admission.limit import AdaptiveLimit, LimitSettings
from services.gateway.admission.priority import Priority
from services.gateway.admission.rate import RateLimit, RateSettings
from services.gateway.errors import OverloadedError
from services.gateway.resilience.budget import Clock

WINDOW_SECONDS = 0.1
WINDOW_DELAYS = 2.0
WINDOW_SAMPLES = 8
SHORTEST, LONGEST = 0.1, 5.0  # seconds of a retry delay, before its spread


class Why(Enum):
    """Reasons of a refusal."""

    LIMIT = "limit"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """The limit of all calls, and that of each client."""

    limit: LimitSettings = field(default_factory=LimitSettings)
    rate: RateSettings = field(default_factory=RateSettings)


@dataclass(slots=True)
class _Window:
    """What is counted until the limit is looked at again."""

    end: float
    admitted: int = 0
    refused: int = 0
    busiest: int = 0
    delays: list[float] = field(default_factory=list)


class Admission:
    """Lets calls in while there is room for their priority; for the event loop alone.

    A call that is refused costs a comparison: no stage hears of it.

    Args:
        settings: of the limits.
        clock: the time now.
        lag: what the event loop adds to the delays.
        spread: a random number from 0 to 1.
    """

    def __init__(
        self,
        settings: AdmissionSettings,
        clock: Clock,
        lag: LoopLag,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.limit = AdaptiveLimit(settings.limit)
        self.rate = RateLimit(settings.rate, clock)
        self.in_flight = 0
        self.refused: Counter[tuple[Why, Priority]] = Counter()
        self._clock = clock
        self._lag = lag
        self._spread = spread
        self._window = _Window(clock() + WINDOW_SECONDS)
        self._retry = SHORTEST

    @contextmanager
    def admitted(self, priority: Priority, key: str = "") -> Iterator[None]:
        """The call is in flight while the context is open.

        Raises:
            OverloadedError: there is no room for it, or the client calls too often.
        """
        self.check_room(priority)
        if wait := self.rate.wait(key):
            self.refused[Why.RATE, priority] += 1
            raise OverloadedError("this client calls too often", wait)
        window = self._window
        window.admitted += 1
        self.in_flight += 1
        if self.in_flight > window.busiest:
            window.busiest = self.in_flight
        try:
            yield
        finally:
            self.in_flight -= 1

    def check_room(self, priority: Priority) -> None:
        """For a call that is not complete yet, too: it takes no place.

        Raises:
            OverloadedError: there is no room for it.
        """
        if not self.room(priority):
            self.refused[Why.LIMIT, priority] += 1
            self._window.refused += 1
            raise OverloadedError("too many calls at once", self._retry * (0.5 + self._spread()))

    def room(self, priority: Priority) -> bool:
        """Whether there is room for a call of this priority now."""
        return self.in_flight < self.limit.value * priority.share

    def observe(self, delay: float) -> None:
        """A list was made, or given up, in `delay` seconds; see `delay.made_in`."""
        window = self._window
        window.delays.append(delay)
        if len(window.delays) >= WINDOW_SAMPLES and self._clock() >= window.end:
            self._turn(window)

    def _turn(self, window: _Window) -> None:
        """Ends a window; the next is long enough to see what the new limit does."""
        delay = median(window.delays) + self._lag.seconds
        self.limit.update(delay, window.busiest)
        # Who is refused in a second comes back over as many seconds as it takes to answer them.
        overload = window.refused / max(window.admitted, 1)
        self._retry = min(max(overload, SHORTEST), LONGEST)
        self._window = _Window(self._clock() + max(WINDOW_SECONDS, WINDOW_DELAYS * delay))
        self._window.busiest = self.in_flight
        self._lag.measure()
