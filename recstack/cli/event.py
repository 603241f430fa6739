"""`recstack event`: tell what a user did."""

from typing import Annotated

import typer

from recstack.cli.failure import Failure
from recstack.cli.output import Address, AsJson, gateway, print_json
from recstack.cli.recommend import visitor
from recstack.client import DEFAULT_ADDRESS
from recstack.results import Event

TYPES = "impression, click, like, purchase, dismiss or dwell"


def event(
    item: Annotated[str, typer.Option(help="Item id.")],
    user: Annotated[str, typer.Option(help="User id; or give --session.")] = "",
    session: Annotated[str, typer.Option(help="Session id of an anonymous visitor.")] = "",
    kind: Annotated[str, typer.Option("--type", help=TYPES.capitalize() + ".")] = "click",
    value: Annotated[float, typer.Option(help="Seconds of a dwell, stars of a like.")] = 0.0,
    request_id: Annotated[str, typer.Option(help="Request id of the list it was in.")] = "",
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Record what a user did; the user's next request has it in the history."""
    who = visitor(user, session)
    done = Event(
        user,
        item,
        kind,  # type: ignore[arg-type]
        value=value,
        request_id=request_id,
        session_id=session,
    )
    with gateway(address) as client:
        answer = client.record_events([done])
    for error in answer.errors:
        raise Failure(f"not stored: {error.field}: {error.message}")
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"stored: {who}, {kind}, item {item}")
