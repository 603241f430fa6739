"""How one query of a batch ended: with a value, or with a failure of its own."""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

R = TypeVar("R")


class Reason(Enum):
    """Why a query has no value. The names travel on the wire and are metric labels."""

    INVALID = "INVALID"  # the query itself is wrong; asking again will not help
    RELEASE_NOT_LOADED = "RELEASE_NOT_LOADED"  # another replica may have it
    EXPIRED = "EXPIRED"  # its time was over before the work began
    TIMEOUT = "TIMEOUT"  # no answer in time
    UNAVAILABLE = "UNAVAILABLE"  # could not be reached
    BREAKER_OPEN = "BREAKER_OPEN"  # not asked: it failed too often just now
    OVERLOADED = "OVERLOADED"  # it refused for lack of capacity
    INTERNAL = "INTERNAL"  # it failed
    DISABLED = "DISABLED"  # switched off


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a query has no value; `message` is for engineers, never for end users."""

    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """A value or a failure, never both."""

    value: R | None = None
    failure: Failure | None = None

    @staticmethod
    def of(value: R) -> "Outcome[R]":
        return Outcome(value, None)

    @staticmethod
    def failed(reason: Reason, message: str = "") -> "Outcome[R]":
        return Outcome(None, Failure(reason, message))


class CallError(Exception):
    """A whole stage call failed: no query of it has an answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason.value}: {failure.message}")
        self.failure = failure
