"""One request on its way through the funnel."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.domain.arrays import I32
from services.domain.outcome import Failure, Reason
from services.gateway.requests import ListRequest
from services.gateway.resilience.budget import Budget
from services.gateway.resilience.guard import Answered
from services.gateway.trace import Step, Trace, Wait


class ReleaseMissingError(Exception):
    """A stage lacks the release: the way ends, and nothing was marked as shown."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


@dataclass(slots=True)
class Run:
    """What is asked, the time that is left, and what happened until now.

    Attributes:
        strict: a stage that lacks the release ends the way with ReleaseMissingError.
    """

    asked: ListRequest
    budget: Budget
    explain: bool
    strict: bool = False
    steps: list[Step] = field(default_factory=list)
    degraded: list[tuple[str, Failure]] = field(default_factory=list)
    taken_down: list[I32] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    def note(self, stage: str, received: int, kept: int, answer: Answered[Any]) -> None:
        """How asking a stage ended.

        Raises:
            ReleaseMissingError: the stage lacks the release, and the run is strict.
        """
        failure = answer.failure
        if self.strict and failure is not None and failure.reason is Reason.RELEASE_NOT_LOADED:
            raise ReleaseMissingError(stage)
        self.steps.append(Step(stage, received, kept, answer.seconds, failure))
        if failure is not None:
            self.lacks(stage, failure, answer.seconds)

    def lacks(self, part: str, failure: Failure, seconds: float) -> None:
        """A part of the answer is missing, after it was waited for."""
        self.degraded.append((part, failure))
        self.waits.append(Wait(failure.reason, seconds))

    def trace(self, **made: Any) -> Trace:
        """The whole way, with what was made on it."""
        return Trace(
            request=self.asked,
            steps=tuple(self.steps),
            degraded=tuple(self.degraded),
            waits=tuple(self.waits),
            taken_down=np.concatenate([np.empty(0, np.int32), *self.taken_down]),
            **made,
        )
