"""What commands that ask the rollout service have in common: where it is, its token, patience."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from recstack.admin import AdminError, read_token
from recstack.cli import tls
from recstack.cli.admin import TOKEN
from recstack.cli.failure import Failure
from recstack.rollouts import Rollouts
from recstack.workspace import Workspace
from services.rollout.record import View

DEFAULT_ADDRESS = "127.0.0.1:50048"
HINT = "start the stack with `recstack up`, or give --address and --token-file"
MAYBE = "what was asked for may have been done: see `recstack rollout status`"
DOCTOR = f"the service runs, its Redis does not answer it (`recstack doctor`); {MAYBE}"
PATIENCE_SECONDS = 30.0
"""A leader that died is replaced within seconds; so long nobody is alarmed by its absence."""

Address = Annotated[
    str, typer.Option(envvar="RECSTACK_ROLLOUT_ADDRESS", help="Of the rollout service, host:port.")
]
By = Annotated[str, typer.Option(help="Who asks, for the audit log; by default user@host.")]
Why = Annotated[str, typer.Option(help="Why, for the audit log.")]


@contextmanager
def rollouts(
    address: str, token_file: Path | None, port_offset: int, var: Path, by: str = ""
) -> Iterator[Rollouts]:
    """The service that is named, else that of the stack that runs in the folder.

    Raises:
        Failure: it does not answer, or says no.
        StartupError: the token cannot be read.
    """
    there = Workspace(var, port_offset).running().get("rollout", ())
    where = address or next(iter(there), DEFAULT_ADDRESS)
    try:
        with Rollouts(where, read_token(token_file or var / TOKEN), by, tls.given()) as service:
            yield service
    except AdminError as error:
        raise Failure(f"{where}: {error}", _hint(error)) from None


def _hint(error: AdminError) -> str:
    answered = str(error)
    if answered.startswith("UNAVAILABLE: Redis"):
        return DOCTOR
    if answered.startswith("DEADLINE_EXCEEDED"):
        return MAYBE
    return HINT if error.away else ""


@dataclass(frozen=True, slots=True)
class Unheard:
    """A call that failed: so many seconds after the last that did not, and why."""

    seconds: float
    why: str

    def __str__(self) -> str:
        return f"not heard for {self.seconds:.0f} s: {self.why}"


def views(
    service: Rollouts,
    every: float,
    patience: float = PATIENCE_SECONDS,
    heard: float = -math.inf,
) -> Iterator[View | Unheard]:
    """How the rollout is, again and again; a service that goes away for a while is waited for.

    Args:
        service: that is asked.
        every: seconds between two calls.
        patience: seconds without an answer.
        heard: when it answered last, of the monotonic clock; by default never: the first call
            that fails is raised.

    Raises:
        AdminError: calls failed for longer than `patience` seconds.
    """
    while True:
        try:
            view = service.view()
        except AdminError as error:
            unheard = Unheard(time.monotonic() - heard, str(error))
            if unheard.seconds > patience:
                raise
            yield unheard
        else:
            heard = time.monotonic()
            yield view
        time.sleep(every)
