"""`recstack status`: what the gateway's processes say of themselves."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import typer

from recstack.admin import Status
from recstack.cli.admin import (
    VAR,
    Addresses,
    PortOffset,
    Processes,
    TokenFile,
    Var,
    processes,
)
from recstack.cli.output import AsJson, new_table, print_table


def status(
    address: Addresses = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Releases, stages and their breakers, limits, certificate, of each process of the gateway."""
    asked = processes(address, token_file, port_offset, var)
    found = {where: _asked(asked, where) for where in asked.addresses}
    if as_json:
        typer.echo(json.dumps({where: asdict(one) for where, one in found.items()}, indent=2))
        return
    for where, one in found.items():
        _print(where, one)


def _asked(asked: Processes, address: str) -> Status:
    with asked.asked(address) as admin:
        return admin.status()


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
