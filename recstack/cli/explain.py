"""`recstack explain`: what every stage had, kept and dropped, and where an item was lost."""

from typing import Annotated

import typer

from recstack.cli.output import (
    Address,
    AsJson,
    Length,
    gateway,
    new_table,
    print_items,
    print_json,
    print_table,
    warn_degraded,
)
from recstack.cli.recommend import visitor
from recstack.client import DEFAULT_ADDRESS
from recstack.results import ItemTrace, StageTrace


def explain(
    user: Annotated[str, typer.Option(help="User id; or give --session.")] = "",
    session: Annotated[str, typer.Option(help="Session id of an anonymous visitor.")] = "",
    item: Annotated[str, typer.Option(help="Item id to look for; none: the list alone.")] = "",
    k: Length = 20,
    category: Annotated[list[str] | None, typer.Option(help="Only items of one of these.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only items with all of these.")] = None,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Why a user's list is what it is, and where an item was lost. Marks nothing as shown."""
    who = visitor(user, session)
    with gateway(address) as client:
        answer = client.explain(
            user, k, item_id=item, session_id=session, categories=category or (), tags=tag or ()
        )
    if as_json:
        print_json(answer)
        return
    warn_degraded(answer.response.degraded)
    print_stages(answer.stages)
    typer.echo()
    if answer.item is None:
        print_items(answer.response.items, f"{who} · release {answer.response.release}")
    else:
        print_item(answer.item)


def print_stages(stages: tuple[StageTrace, ...]) -> None:
    """One line a stage."""
    table = new_table("stage", "in", "out", "ms", "dropped", "notes")
    for stage in stages:
        dropped = ", ".join(f"{reason} {count}" for reason, count in stage.dropped.items())
        skipped = () if stage.reason == "OK" else (f"skipped: {stage.reason}",)
        table.add_row(
            stage.stage,
            str(stage.received),
            str(stage.kept),
            f"{stage.seconds * 1000:.1f}",
            dropped,
            "; ".join((*skipped, *stage.notes)),
        )
    print_table(table)


def print_item(item: ItemTrace) -> None:
    """What became of the item."""
    name = f"{item.item_id} {item.title}".strip()
    if item.lost_at:
        typer.echo(f"{name}: lost at {item.lost_at}: {item.reason}")
    else:
        typer.echo(f"{name}: in the list at position {item.position}")
    table = new_table("stage", "position", "score", "notes")
    for stage in item.stages:
        position = str(stage.position or "-")
        table.add_row(stage.stage, position, f"{stage.score:.4f}", ", ".join(stage.notes))
    print_table(table)
