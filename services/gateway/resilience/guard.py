"""The one way the gateway asks a stage: gate, timer, and every failure turned into a reason."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.chassis.log import get_logger
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.domain.protocols import StageClient
from services.gateway.metrics import count_failure
from services.gateway.resilience.breaker import Breaker
from services.gateway.stats import Meter

Q = TypeVar("Q")
R = TypeVar("R")

FAIR_SECONDS = 0.02  # a stage that was given less is not to blame for being late
_NOT_ITS_FAULT = frozenset({Reason.INVALID, Reason.EXPIRED, Reason.RELEASE_NOT_LOADED})


@dataclass(frozen=True, slots=True)
class Answered(Generic[R]):
    """How asking a stage ended: a value or a failure, and the time it took in seconds."""

    value: R | None
    failure: Failure | None
    seconds: float


def sound(_value: object) -> str:
    """The check for values that cannot be wrong."""
    return ""


class Guard(Generic[Q, R]):
    """A stage as the funnel sees it: `ask` always answers, within the time it was given.

    Args:
        name: the stage, also its series in the stats.
        client: the stage.
        breaker: stops asking while the stage keeps failing; its clock is this guard's.
        meter: counts; None: nobody does.
        told: what log lines say beside the stage, such as the lane.
    """

    def __init__(
        self,
        name: str,
        client: StageClient[Q, R],
        breaker: Breaker,
        meter: Meter | None,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._client = client
        self.breaker = breaker
        self._meter = meter
        self._clock = breaker.clock
        self._told = {"stage": name, **(told or {})}
        self._unusable = False

    async def ask(self, query: Q, timeout: float, fault: Callable[[R], str] = sound) -> Answered[R]:
        """Asks, waiting at most `timeout` seconds; `fault` says what is wrong with a value."""
        if timeout <= 0:
            return self._skipped(Failure(Reason.EXPIRED, "no time was left"))
        if not self.breaker.open():
            return self._skipped(Failure(Reason.BREAKER_OPEN, "it failed too often"))
        start = self._clock()
        outcome = await self._outcome(query, timeout, fault)
        seconds = self._clock() - start
        self._settle(outcome.failure, timeout)
        if self._meter is not None:
            self._meter.add(seconds, error=outcome.failure is not None)
            count_failure(self.name, outcome.failure)
        return Answered(outcome.value, outcome.failure, seconds)

    def _skipped(self, failure: Failure) -> Answered[R]:
        """The stage is not asked."""
        if self._meter is not None:
            self._meter.skip()
            count_failure(self.name, failure)
        return Answered(None, failure, 0.0)

    async def _outcome(self, query: Q, timeout: float, fault: Callable[[R], str]) -> Outcome[R]:
        try:
            async with asyncio.timeout(timeout):
                outcomes = await self._client.call((query,), timeout)
            return _checked(outcomes, fault)
        except TimeoutError:
            return Outcome.failed(Reason.TIMEOUT, f"no answer within {timeout:.3f} s")
        except CallError as error:
            return Outcome(None, error.failure)
        except Exception as error:  # noqa: BLE001 - degrade point: the answer goes on without it
            get_logger("funnel").exception("stage failed", **self._told)
            return Outcome.failed(Reason.INTERNAL, repr(error))

    def _settle(self, failure: Failure | None, timeout: float) -> None:
        """Tells the breaker; a stage is not blamed for bad queries nor for too little time."""
        if failure is None:
            self.breaker.succeeded()
        elif failure.reason is Reason.TIMEOUT and timeout < FAIR_SECONDS:
            return
        elif failure.reason not in _NOT_ITS_FAULT:
            self.breaker.failed()
        self._log_turn(failure)

    def _log_turn(self, failure: Failure | None) -> None:
        """Says once that a stage cannot be used, and once that it can be again."""
        if failure is None:
            if self._unusable and not self.breaker.tripped:
                self._unusable = False
                get_logger("funnel").info("stage is back", **self._told)
        elif not self._unusable:
            lacks_release = failure.reason is Reason.RELEASE_NOT_LOADED
            self._unusable = self.breaker.tripped or lacks_release
            if self._unusable:
                reason, message = failure.reason.value, failure.message
                get_logger("funnel").warning(
                    "stage keeps failing", **self._told, reason=reason, message=message
                )


def _checked(outcomes: Sequence[Outcome[R]], fault: Callable[[R], str]) -> Outcome[R]:
    """The one outcome; a failure when it is not what a stage may answer."""
    if len(outcomes) != 1:
        return Outcome.failed(Reason.INTERNAL, f"{len(outcomes)} results for 1 query")
    outcome = outcomes[0]
    if outcome.value is None:
        return Outcome(None, outcome.failure or Failure(Reason.INTERNAL, "no value, no failure"))
    message = fault(outcome.value)
    return Outcome.failed(Reason.INTERNAL, message) if message else outcome
