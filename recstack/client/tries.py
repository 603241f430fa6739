"""When a call that failed is tried again, and where."""

from collections.abc import Callable
from dataclasses import dataclass

import grpc

from recstack.client.errors import Failure
from recstack.client.rotation import Clock, Rotation
from services.gateway.resilience.retry import RetryBudget

NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
"""How gRPC begins what it says of a request that reached nobody."""

SPREAD = 0.25
"""A named delay is made longer by up to so much, so that the refused do not come back at once."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often calls are tried again. All tries of a call share its one deadline.

    Attributes:
        attempts: most tries of one call, the first among them; 1: none is tried again.
        pause: seconds before the second try at an address; each further one waits twice as long.
            Half of it is random. Another address is tried at once.
        ratio: in the long run, retries per call of this client.
        reserve: retries beyond that, at once.
    """

    attempts: int = 4
    pause: float = 0.1
    ratio: float = 0.2
    reserve: int = 100

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.pause, self.ratio, self.reserve) < 0:
            raise ValueError(f"at least one attempt, and nothing negative: {self}")

    def budget(self) -> RetryBudget:
        """The budget of a client."""
        return RetryBudget(self.ratio, self.reserve)


DEFAULT_RETRIES = Retries()


@dataclass(frozen=True, slots=True)
class Means:
    """What the tries of all calls of a client share; `random` gives 0 up to 1."""

    rotation: Rotation
    retries: Retries
    budget: RetryBudget
    clock: Clock
    random: Callable[[], float]


class Tries:
    """The tries of one call, which is to be over in `seconds`; pure but for the clock.

    UNAVAILABLE is tried at the next address; when there is none left, after a pause. A refusal
    (RESOURCE_EXHAUSTED) is tried after the delay that it names. Everything else would end the same
    way, or might be done twice. `repeatable`: whether the call may reach the gateway twice.
    """

    def __init__(self, means: Means, seconds: float, request_id: str, repeatable: bool) -> None:
        self._means = means
        self._end = means.clock() + seconds
        self._repeatable = repeatable
        self._request_id = request_id
        self._tried: list[str] = []
        means.budget.earn()
        self._go_on()

    def left(self) -> float:
        """Seconds until the call is over."""
        return max(self._end - self._means.clock(), 0.0)

    @property
    def request_id(self) -> str:
        """Of this try: a list and its request id are one, so further tries get a suffix."""
        number = len(self._tried)
        return self._request_id if number == 1 else f"{self._request_id}.{number}"

    def again(self, failure: Failure) -> float:
        """The seconds to wait before the next try, whose `address` is then set.

        Raises:
            ClientError: it was the last.
        """
        error = failure.error(self.request_id)
        if failure.code is grpc.StatusCode.UNAVAILABLE:
            self._means.rotation.failed(self.address)
        if len(self._tried) >= self._means.retries.attempts or not self._may_repeat(failure):
            raise error
        self._go_on()
        delay = self._delay(failure)
        if delay >= self.left() or not self._means.budget.spend():
            raise error
        return delay

    def _go_on(self) -> None:
        self.address = self._means.rotation.next(self._tried)
        self._new_address = self.address not in self._tried
        self._tried.append(self.address)

    def _may_repeat(self, failure: Failure) -> bool:
        if failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return failure.retry_after is not None  # nothing was done
        sent = not failure.details.startswith(NEVER_SENT)
        return failure.code is grpc.StatusCode.UNAVAILABLE and (self._repeatable or not sent)

    def _delay(self, failure: Failure) -> float:
        if failure.retry_after is not None:
            return failure.retry_after * (1 + SPREAD * self._means.random())
        if self._new_address:
            return 0.0
        longest: float = self._means.retries.pause * 2 ** (self._tried.count(self.address) - 2)
        return longest * (1 + self._means.random()) / 2
