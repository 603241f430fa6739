"""How commands fail: one line on stderr, what to do, exit code 2."""

import typer

from services.chassis.redact import redacted

EXIT_CODE = 2


class Failure(Exception):  # noqa: N818 - what a person sees, not a programming error
    """A command cannot go on; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def show(message: str, hint: str = "") -> None:
    """Prints the failure as people see it."""
    typer.secho(redacted(f"recstack: {message}"), fg="red", err=True)
    if hint:
        typer.echo(redacted(f"  {hint}"), err=True)
