"""How commands print answers: JSON for programs, tables for people."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recstack.catalog_results import Changed
from recstack.cli import tls
from recstack.cli.failure import Failure
from recstack.client import (
    DEFAULT_ADDRESS,
    DEFAULT_TIMEOUT,
    Client,
    ClientError,
    TooManyRequestsError,
    UnavailableError,
)
from recstack.results import Degradation, Item

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Address = Annotated[
    str, typer.Option(envvar="RECSTACK_ADDRESS", help="gRPC address of the gateway.")
]
MANY_SECONDS = 5.0
"""Timeout of a call with up to a thousand items or users."""

UNFOLDED = 1000  # columns

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Length = Annotated[int, typer.Option(help="Length of the list, 1 to 100.")]


@contextmanager
def gateway(address: str = DEFAULT_ADDRESS, timeout: float = DEFAULT_TIMEOUT) -> Iterator[Client]:
    """A client whose failures are told to people; `timeout` of a call in seconds."""
    try:
        with Client(address, timeout, tls=tls.given()) as client:
            yield client
    except TooManyRequestsError as error:
        hint = f"try again in {error.retry_after:.1f} s" if error.retry_after else "try again later"
        raise Failure(f"{address} refused: {error}", hint) from None
    except UnavailableError as error:
        hint = "start the stack with `recstack up`, or give its --address"
        raise Failure(f"no answer from {address}: {error}", hint) from None
    except ClientError as error:
        raise Failure(str(error) if error.status else f"this cannot be sent: {error}") from None
    except ValueError as error:  # of the client itself, such as an empty address
        raise Failure(str(error)) from None


def print_json(answer: "DataclassInstance") -> None:
    """The answer with the field names of the public API."""
    typer.echo(json.dumps(asdict(answer), indent=2, ensure_ascii=False))


def print_items(items: Sequence[Item], title: str) -> None:
    """A list as a table, with a column for each task."""
    tasks = sorted({task for item in items for task in item.task_scores})
    table = new_table("", "item", "title", "score", *tasks, "channels", title=title)
    for position, item in enumerate(items, 1):
        probabilities = (f"{item.task_scores.get(task, 0):.3f}" for task in tasks)
        table.add_row(
            str(position),
            item.item_id,
            item.title,
            f"{item.score:.4f}",
            *probabilities,
            ", ".join((*item.channels, *(["shown before"] if item.repeated else []))),
        )
    print_table(table)


def print_errors(kind: str, answer: Changed, ids: Sequence[str]) -> None:
    """Says on stderr which items or users were not changed, and why; `ids`: all that were given."""
    for error in answer.errors:
        where = f"{error.field}: " if error.field else ""
        typer.secho(f"{kind} {ids[error.index]}: {where}{error.message}", fg="yellow", err=True)


def new_table(*columns: str, title: str = "") -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_table(table: Any) -> None:
    """Prints it; where nobody looks at a screen, rows are not folded to the width of one."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNFOLDED
    console.print(table)


def warn_degraded(degraded: Sequence[Degradation]) -> None:
    """Says on stderr what was skipped."""
    if degraded:
        skipped = ", ".join(f"{d.stage} ({d.reason})" for d in degraded)
        typer.secho(f"degraded: {skipped}", fg="yellow", err=True)
