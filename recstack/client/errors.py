"""What calls end with when they fail.

ClientError
├── InvalidRequestError     the request is wrong: mend it
├── NotFoundError           there is no such item or user
├── UnavailableError        try again later
│   └── TooManyRequestsError    not before `retry_after`
├── DeadlineExceededError   no answer in time; what was asked for may have been done
├── CallCancelledError      the client is closed, or was meanwhile
└── ServerFailedError       the gateway failed: a defect, its log has it under the request id
"""

import re
from dataclasses import dataclass
from typing import Any

import grpc

RETRY_AFTER = "retry-after-ms"
"""Trailing metadata of a refusal: milliseconds until there may be room again."""

_TOO_LARGE = "larger than max"
"""In what gRPC itself says of a message beyond the limit, with the status of a refusal."""


class ClientError(Exception):
    """A call that failed. Its subclasses say what to do about it.

    Attributes:
        status: name of the gRPC status, such as "UNAVAILABLE"; empty: the call was not made.
        request_id: what the logs of the services have the call under; empty: it was not made.
    """

    def __init__(self, message: str, status: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        if request_id:
            self.add_note(f"request {request_id}")


class InvalidRequestError(ClientError):
    """The request is wrong. `field`: which part of it; empty when no single one is."""

    @property
    def field(self) -> str:
        return _field(str(self))


class NotFoundError(ClientError):
    """There is no such item or user. `field`: what named it."""

    @property
    def field(self) -> str:
        return _field(str(self))


class UnavailableError(ClientError):
    """The gateway could not be reached, or cannot answer now: try again later."""


class TooManyRequestsError(UnavailableError):
    """Refused before anything was done: the rate limit of the client key, or overload.

    `retry_after`: seconds until there may be room; 0: not said.
    """

    def __init__(
        self, message: str, status: str = "", request_id: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, status, request_id)
        self.retry_after = retry_after


class DeadlineExceededError(ClientError):
    """No answer in time. What was asked for may have been done."""


class CallCancelledError(ClientError):
    """The client is closed, or was before the answer came."""


class ServerFailedError(ClientError):
    """The gateway failed."""


_ERRORS: dict[grpc.StatusCode, type[ClientError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
}


_ENDING = "CANCELLED"
"""What gRPC says of a call that comes when its server shuts down; of one that this side cancels
it says more."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How one try ended. `retry_after`: seconds; None: not said."""

    code: grpc.StatusCode
    details: str = ""
    retry_after: float | None = None

    def error(self, request_id: str) -> ClientError:
        """The error of a call that ends so."""
        message = self.details or self.code.name
        if self.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            kind = _ERRORS.get(self.code, ServerFailedError)
            return kind(message, self.code.name, request_id)
        if _TOO_LARGE in message:
            return InvalidRequestError(message, self.code.name, request_id)
        return TooManyRequestsError(message, self.code.name, request_id, self.retry_after or 0.0)


def closed(request_id: str = "") -> CallCancelledError:
    """The error of a call of a client that is closed."""
    return CallCancelledError("the client is closed", "CANCELLED", request_id)


def failure(error: grpc.RpcError) -> Failure:
    """What gRPC reports, blocking or asyncio."""
    trailing: Any = error.trailing_metadata() or ()  # pairs, whatever the type stubs say
    delay = dict(trailing).get(RETRY_AFTER, "")
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.CANCELLED and details == _ENDING:
        code, details = grpc.StatusCode.UNAVAILABLE, "the gateway began to end as the call came"
    return Failure(code, details, _seconds(delay))


def _seconds(milliseconds: str) -> float | None:
    return int(milliseconds) / 1000 if re.fullmatch(r"[0-9]{1,9}", milliseconds) else None


def _field(message: str) -> str:
    """user_id of "user_id: must not be empty"."""
    field, colon, _ = message.partition(": ")
    return field if colon and " " not in field else ""
