"""How many calls may be in flight: additive increase, multiplicative decrease on their delay."""

from dataclasses import dataclass

STEP = 1.0
DECREASE = 0.8
LARGEST_DECREASE = 0.3
NEAR = 0.9
PATIENCE = 1.5
LEARNED = 0.1


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of the limit.

    Attributes:
        target: seconds; the median delay that is aimed at when there is too much to do.
        least, most: the limit stays within them.
        first: the limit at the start.
    """

    target: float = 0.05
    least: int = 24
    most: int = 256
    first: int = 32


class AdaptiveLimit:
    """The number of calls that keeps the machine busy and the delay near a target.

    The rule is that of delay-based congestion control (Kumar et al., Swift, SIGCOMM 2020; Jacobson
    and Chiu-Jain for the shape): once a window, with `delay` the median of its calls,

        delay <= target, and the limit was reached:  limit += 1
        delay >  target:  limit *= max(1 - 0.8 (delay - target) / delay, 0.7)

    A target that is fixed would close the door when a stage is slow for a reason that is not the
    number of calls. So there is a delay without load (Vegas' base RTT): it falls at once to what is
    seen below it, and rises slowly, only to delays of windows with no more than `least` calls in
    flight. The target is never below one and a half times that. When the limit has come down to
    `least` and the delay has not, the target therefore rises and lets more in again.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._limit = self._bounded(settings.first)
        self._unloaded = 0.0

    @property
    def value(self) -> float:
        """Calls in flight."""
        return self._limit

    @property
    def target(self) -> float:
        """Seconds."""
        return max(self._settings.target, PATIENCE * self._unloaded)

    def update(self, delay: float, busiest: int) -> None:
        """A window ended.

        Args:
            delay: median of its calls, seconds.
            busiest: most calls in flight in it.
        """
        self._learn(delay, busiest)
        target = self.target
        if delay > target:
            part = DECREASE * (delay - target) / delay
            self._limit *= 1.0 - min(part, LARGEST_DECREASE)
        elif busiest >= NEAR * self._limit:
            self._limit += STEP
        self._limit = self._bounded(self._limit)

    def _bounded(self, limit: float) -> float:
        return float(min(max(limit, self._settings.least), self._settings.most))

    def _learn(self, delay: float, busiest: int) -> None:
        if delay < self._unloaded:
            self._unloaded = delay
        elif busiest <= self._settings.least:
            self._unloaded += LEARNED * (delay - self._unloaded)
