"""Errors that end a call of the public API; a bad field is chassis' InvalidArgumentError."""

from typing import ClassVar


class GatewayError(Exception):
    """Root of the errors below; the message is for the client.

    Attributes:
        code: the status code of gRPC that the call ends with.
    """

    code: ClassVar[str] = "INTERNAL"


class NotFoundError(GatewayError):
    """What `field` names is not there."""

    code = "NOT_FOUND"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class OverloadedError(GatewayError):
    """The call was refused before anything was done; it may come again after `retry_after`, s."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(GatewayError):
    """The call cannot be answered now; the same call may succeed later."""

    code = "UNAVAILABLE"
