"""`recstack recommend`, `recstack similar`: lists."""

from typing import Annotated

import typer

from recstack.cli.output import (
    Address,
    AsJson,
    Length,
    gateway,
    print_items,
    print_json,
    warn_degraded,
)
from recstack.client import DEFAULT_ADDRESS


def recommend(
    user: Annotated[str, typer.Option(help="User id.")],
    k: Length = 20,
    exclude: Annotated[list[str] | None, typer.Option(help="Item id to leave out.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only items of this one.")] = None,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """A personal list for a user. What it shows is not shown to the user again."""
    with gateway(address) as client:
        answer = client.recommend(user, k, exclude=exclude or (), categories=category or ())
    if as_json:
        print_json(answer)
        return
    warn_degraded(answer.degraded)
    who = f"user {user}" + (", not known: a cold start" if answer.cold_start else "")
    print_items(answer.items, f"{who} · release {answer.release}")


def similar(
    item: Annotated[str, typer.Option(help="Item id.")],
    k: Length = 20,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Items like an item, closest first."""
    with gateway(address) as client:
        answer = client.similar_items(item, k)
    if as_json:
        print_json(answer)
    else:
        print_items(answer.items, f"like item {item} · release {answer.release}")
