"""`recstack status`: what the gateway's processes say of themselves."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from recstack.admin import AdminError, Status, read_token
from recstack.admin import status as ask
from recstack.cli import tls
from recstack.cli.failure import Failure
from recstack.cli.output import AsJson, new_table, print_table
from recstack.workspace import Workspace

DEFAULT_ADDRESS = "127.0.0.1:52050"
TOKEN = Path("secrets/admin.token")


def status(
    address: Annotated[
        list[str] | None,
        typer.Option(envvar="RECSTACK_ADMIN_ADDRESS", help="Of AdminService; several are asked."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(envvar="RECSTACK_ADMIN_TOKEN_FILE", help="File with its token."),
    ] = None,
    as_json: AsJson = False,
    port_offset: Annotated[int, typer.Option(min=0, help="Of the stack to look at.")] = 0,
    var: Annotated[Path, typer.Option(help="Its folder.")] = Path("var"),
) -> None:
    """Releases, stages and their breakers, limits, certificate, of each process of the gateway."""
    there = Workspace(var, port_offset).running()
    addresses = address or [*there.get("admin", ())] or [DEFAULT_ADDRESS]
    token = read_token(token_file or var / TOKEN)
    found = {where: _asked(where, token) for where in addresses}
    if as_json:
        typer.echo(json.dumps({where: asdict(one) for where, one in found.items()}, indent=2))
        return
    for where, one in found.items():
        _print(where, one)


def _asked(address: str, token: str) -> Status:
    try:
        return ask(address, token, tls.given())
    except AdminError as error:
        hint = "start the stack with `recstack up`, or give --address and --token-file"
        raise Failure(f"{address}: {error}", hint) from None


def _print(address: str, status: Status) -> None:
    lived = timedelta(seconds=max(0, int(time.time()) - status.started_at))
    typer.echo(f"{address}: recstack {status.version}, process {status.process_id}, up {lived}")
    for release, items in status.releases.items():
        typer.echo(f"release {release}, {items} items")
    limits = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in status.limits.items())
    typer.echo(f"limits: {limits}")
    typer.echo(_of_certificate(status))
    table = new_table("call", "asked at", "breaker", "trips")
    for one in status.stages:
        state = "open" if one.breaker_open else "closed"
        table.add_row(one.stage, one.address or "in process", state, str(one.breaker_trips))
    print_table(table)


def _of_certificate(status: Status) -> str:
    if status.certificate_expires_at is None:
        return "no TLS"
    until = datetime.fromtimestamp(status.certificate_expires_at, UTC)
    asked = ", clients are asked for theirs" if status.clients_asked else ""
    return f"TLS: certificate until {until:%-d %B %Y %H:%M} UTC{asked}"
