"""What the commands of `recstack data` say: failures, and what was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from models.data import DataError
from recstack.cli import failure

if TYPE_CHECKING:  # polars takes its time, and other commands do not need it
    from models.data.importer import Imported

SHOWN_REJECTED = 10

To = Annotated[Path, typer.Option("--to", help="The folder of data sets.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set that is there.")]
console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def failures() -> Iterator[None]:
    """One line on stderr and exit code 2 instead of a stack trace."""
    try:
        yield
    except DataError as error:
        failure.show(str(error))
        raise typer.Exit(failure.EXIT_CODE) from None


def report(done: "Imported") -> None:
    """What was made, on stdout; what to know of it, on stderr."""
    about = done.dataset.description
    for note in (*done.notes, about.licence):
        if note:
            console.print(escape(note))
    if about.duplicates:
        console.print(f"repeated rows, dropped: {about.duplicates:,}")
    if about.rejected:
        console.print(f"rejected rows: {about.rejected:,}")
        for file, line, reason, fields in done.rejected.head(SHOWN_REJECTED).rows():
            console.print(escape(f"  {file}, line {line}: {reason}: {fields}"))
        console.print(f"  all of them: {escape(str(done.dataset.folder / 'rejected.tsv'))}")
    counts = ", ".join(f"{count:,} {name}" for name, count in about.counts.items())
    typer.echo(f"{done.dataset.folder}: {counts}")
