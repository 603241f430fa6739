"""`recstack recommend`, `recstack similar`: lists."""

from typing import Annotated

import typer

from recstack.cli.failure import Failure
from recstack.cli.output import (
    Address,
    AsJson,
    Length,
    gateway,
    print_items,
    print_json,
    warn_degraded,
)
from recstack.cli.pairs import pairs
from recstack.client import DEFAULT_ADDRESS

Names = list[str] | None


def recommend(
    user: Annotated[str, typer.Option(help="User id; or give --session.")] = "",
    session: Annotated[str, typer.Option(help="Session id of an anonymous visitor.")] = "",
    k: Length = 20,
    exclude: Annotated[Names, typer.Option(help="Item id to leave out.")] = None,
    category: Annotated[Names, typer.Option(help="Only items of one of these.")] = None,
    tag: Annotated[Names, typer.Option(help="Only items with all of these.")] = None,
    placement: Annotated[str, typer.Option(help="Where the list is shown, such as home.")] = "",
    context: Annotated[Names, typer.Option(help="name=value, such as device=phone.")] = None,
    page_token: Annotated[
        str, typer.Option(help="next_page_token that --json printed for the page before.")
    ] = "",
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """A personal list for a user or a session. What it shows is not shown to them again."""
    who = visitor(user, session)
    circumstances = pairs("--context", context)
    with gateway(address) as client:
        answer = client.recommend(
            user,
            k,
            session_id=session,
            exclude=exclude or (),
            categories=category or (),
            tags=tag or (),
            placement=placement,
            context=circumstances,
            page_token=page_token,
        )
    if as_json:
        print_json(answer)
        return
    warn_degraded(answer.degraded)
    known = ", not known: a cold start" if answer.cold_start else ""
    print_items(answer.items, f"{who}{known} · release {answer.release}")


def visitor(user: str, session: str) -> str:
    """How a user or a session is named to people; Failure unless one of them is given."""
    if bool(user) == bool(session):
        raise Failure("give --user or --session, one of them")
    return f"user {user}" if user else f"session {session}"


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
