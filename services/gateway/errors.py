"""Errors that end a call of the public API; a bad field is chassis' InvalidArgumentError."""


class GatewayError(Exception):
    """Root of the errors below; the message is for the client."""


class NotFoundError(GatewayError):
    """What `field` names is not there."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class UnavailableError(GatewayError):
    """The call cannot be answered now; the same call may succeed later."""
