"""`recstack data import`: a user's own logs and tables become a data set."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from models.data import DataError
from recstack.cli.data_report import Force, To, console, failures, report
from services.domain.events import EventType

if TYPE_CHECKING:  # polars takes its time, and other commands do not need it
    from models.data.source import Watch


def import_(
    interactions: Annotated[
        Path | None, typer.Option(help="The log: .csv, .tsv (also .gz) or .parquet.")
    ] = None,
    user: Annotated[str, typer.Option(help="Its column of user ids.")] = "",
    item: Annotated[str, typer.Option(help="Its column of item ids.")] = "",
    event: Annotated[str, typer.Option(help="Its column of event names.")] = "",
    rating: Annotated[str, typer.Option(help="Its column of ratings, instead of events.")] = "",
    time: Annotated[
        str, typer.Option(help="Its column of times: unix seconds, milliseconds or ISO 8601.")
    ] = "",
    order: Annotated[
        str, typer.Option(help="Its column of positions in a user's history, instead of times.")
    ] = "",
    context: Annotated[
        list[str] | None,
        typer.Option(help="Its column of what events happened in, such as device; repeatable."),
    ] = None,
    event_map: Annotated[
        str, typer.Option(help="What its event names mean, such as view=click,buy=purchase.")
    ] = "",
    like_at: Annotated[float, typer.Option(help="The lowest rating that is a like.")] = 4.0,
    users: Annotated[
        Path | None, typer.Option(help="A table of users; its other columns are attributes.")
    ] = None,
    user_id: Annotated[str, typer.Option(help="Its id column; by default as --user.")] = "",
    items: Annotated[
        Path | None, typer.Option(help="A table of items; its other columns are attributes.")
    ] = None,
    item_id: Annotated[str, typer.Option(help="Its id column; by default as --item.")] = "",
    title: Annotated[str, typer.Option(help="Its column of titles.")] = "",
    categories: Annotated[str, typer.Option(help="Its column of categories.")] = "",
    category_separator: Annotated[
        str, typer.Option(help="Between an item's categories, and between its tags.")
    ] = "|",
    tags: Annotated[str, typer.Option(help="Its column of tags.")] = "",
    movielens_1m: Annotated[
        Path | None,
        typer.Option(
            "--movielens-1m",
            help="Instead of a log: a folder with interactions.tsv.gz, users.dat and movies.dat.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The name of the new data set.")] = "",
    to: To = Path("var/data"),
    force: Force = False,
) -> None:
    """Import your own logs, with tables of users and items if you have them.

    Where nobody did anything yet, a table of items alone.
    Rows that cannot be used are counted, the first are shown,
    and all are in rejected.tsv in the new folder.
    """
    with failures(), _watching() as watch:
        from models.data.attributes import ItemTable, UserTable
        from models.data.importer import LogFile, Target, import_logs
        from models.data.interactions import LogColumns
        from models.data.movielens import import_1m

        if movielens_1m:
            if interactions or users or items:
                raise DataError("--movielens-1m takes no --interactions, --users or --items")
            done = import_1m(movielens_1m, Target(to, name or "ml-1m", force), watch)
        else:
            given = (user and item) if interactions else items
            if not name or not given:
                raise DataError(
                    "give --name, and --interactions with --user and --item; where nobody did "
                    "anything yet, --items alone; see --help"
                )
            if not interactions and (event or rating or time or order or event_map or context):
                raise DataError(
                    "--event, --rating, --time, --order, --context and --event-map are of what "
                    "--interactions gives"
                )
            if items and not (item_id or item):
                raise DataError("--items needs --item-id, the column of ids")
            if users and not (user_id or user):
                raise DataError("--users needs --user-id, the column of ids")
            if user_id and not users:
                raise DataError("--user-id is of the table that --users gives")
            if (item_id or title or categories or tags) and not items:
                raise DataError(
                    "--item-id, --title, --categories and --tags are of what --items gives"
                )
            columns = LogColumns(
                user,
                item,
                event,
                rating,
                time,
                order,
                _event_map(event_map),
                like_at,
                tuple(context or ()),
            )
            logged = LogFile(interactions, columns) if interactions else None
            tables = (
                UserTable(users, user_id or user) if users else None,
                ItemTable(items, item_id or item, title, categories, category_separator, tags)
                if items
                else None,
            )
            done = import_logs(logged, Target(to, name, force), tables, watch)
    report(done)


def _event_map(text: str) -> dict[str, EventType]:
    known = {event.name.lower(): event for event in EventType}
    mapped = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        own, equals, target = pair.partition("=")
        if not equals or not own.strip() or target.strip().lower() not in known:
            raise DataError(
                f"--event-map: {pair!r} is not NAME=EVENT, with EVENT one of {', '.join(known)}"
            )
        mapped[own.strip()] = known[target.strip().lower()]
    return mapped


@contextmanager
def _watching() -> Iterator["Watch"]:
    """A progress bar on stderr for each file that is read."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    off = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=off) as progress:

        def watch(file: BinaryIO, path: Path) -> BinaryIO:
            size = path.stat().st_size
            return progress.wrap_file(file, size, description=f"reading {escape(path.name)}")

        yield watch
