"""Errors that every service knows."""


class ChassisError(Exception):
    """Root of the errors below."""


class StartupError(ChassisError):
    """A service cannot start; `hint` says what to do. Shown without a stack trace, exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidArgumentError(ChassisError):
    """A request field is wrong; becomes INVALID_ARGUMENT "field: message"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
