"""`recstack item put|hide|show|expire|delete|get`: what is known of items, and what is shown."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recstack.catalog_results import CatalogItem, Changed, ItemDetails
from recstack.cli.failure import Failure
from recstack.cli.item_file import parts, read
from recstack.cli.output import (
    MANY_SECONDS,
    Address,
    AsJson,
    gateway,
    new_table,
    print_errors,
    print_json,
    print_table,
)
from recstack.cli.pairs import pairs
from recstack.client import DEFAULT_ADDRESS

app = typer.Typer(help="Put, hide, show, expire and delete items.", no_args_is_help=True)

Names = list[str] | None
Ids = Annotated[list[str], typer.Argument(help="Item ids, at most 1000.")]
TIME_HELP = "When it leaves every answer: unix seconds, a date such as 2030-01-31, or never."
LINE_HELP = 'JSON lines: {"item_id": ..., "title": ..., "categories": [...], "tags": [...], '
LINE_HELP += '"attributes": {...}, "text": ..., "expires_at": ...}; all but item_id may be missing.'


@app.command()
def put(
    file: Annotated[Path | None, typer.Argument(help=LINE_HELP)] = None,
    item: Annotated[str, typer.Option("--id", help="Item id, instead of a file.")] = "",
    title: Annotated[str, typer.Option(help="For people.")] = "",
    category: Annotated[Names, typer.Option(help="May be given several times.")] = None,
    tag: Annotated[Names, typer.Option(help="May be given several times.")] = None,
    attribute: Annotated[Names, typer.Option(help="name=value, such as year=2024.")] = None,
    text: Annotated[str, typer.Option(help="A description.")] = "",
    expires: Annotated[str, typer.Option(help=TIME_HELP)] = "never",
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Add items or replace what is known of them. New ones are recommended within seconds."""
    if (file is None) == (not item):
        raise Failure("give a FILE or --id, one of them")
    given = CatalogItem(
        item,
        title,
        tuple(category or ()),
        tuple(tag or ()),
        pairs("--attribute", attribute),
        text,
        unix_seconds(expires),
    )
    if file is not None and given != CatalogItem(""):
        raise Failure("--title, --category and the like go with --id, not with a FILE")
    items = [given] if file is None else read(file)
    stored = 0
    with gateway(address, MANY_SECONDS) as client:
        for part in parts(items):
            answer = client.put_items(part)
            stored += answer.changed
            print_errors("item", answer, [one.item_id for one in part])
    _end("stored", stored, len(items))


@app.command()
def hide(items: Ids, address: Address = DEFAULT_ADDRESS) -> None:
    """Take items out of every answer, from the next request on; what is known of them stays."""
    with gateway(address) as client:
        _change("hidden", client.hide_items, items)


@app.command()
def show(items: Ids, address: Address = DEFAULT_ADDRESS) -> None:
    """Take hidden items back into answers."""
    with gateway(address) as client:
        _change("shown", client.show_items, items)


@app.command()
def delete(items: Ids, address: Address = DEFAULT_ADDRESS) -> None:
    """Take items out of every answer, and forget what was put of them."""
    with gateway(address) as client:
        _change("deleted", client.delete_items, items)


@app.command()
def expire(
    items: Ids,
    at: Annotated[str, typer.Option(help=TIME_HELP)],
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Set when items leave every answer."""
    expires_at = unix_seconds(at)
    with gateway(address) as client:
        _change("changed", lambda ids: client.expire_items(ids, expires_at), items)


@app.command()
def get(
    item: Annotated[str, typer.Argument(help="Item id.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """What is known of an item, and whether it may be in an answer."""
    with gateway(address) as client:
        details = client.get_item(item)
    if as_json:
        print_json(details)
    else:
        _print(details)


def unix_seconds(given: str) -> int:
    """A time as people write it; 0 for never, Failure for what is no time."""
    if given == "never":
        return 0
    if given.isdecimal():
        return int(given)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        message = f"{given!r} is no time"
        raise Failure(message, "write unix seconds, 2030-01-31T12:00:00, or never") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(int(moment.timestamp()), 1)


def _change(done: str, change: Callable[[list[str]], Changed], items: list[str]) -> None:
    answer = change(items)
    print_errors("item", answer, items)
    _end(done, answer.changed, len(items))


def _end(done: str, count: int, given: int) -> None:
    typer.echo(f"{done}: {count} of {given} items")
    if count < given:
        raise Failure(f"{given - count} items were not {done}")


def _print(details: ItemDetails) -> None:
    item = details.item
    table = new_table("item", item.item_id)
    rows = [
        ("title", item.title),
        ("state", details.state),
        ("categories", ", ".join(item.categories)),
        ("tags", ", ".join(item.tags)),
        *item.attributes.items(),
        ("text", item.text),
        ("expires", _moment(item.expires_at)),
        ("put", _moment(details.put_at)),
        ("in release", "yes" if details.in_release else "no"),
    ]
    for row in rows:
        table.add_row(*row)
    print_table(table)


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds else "never"
