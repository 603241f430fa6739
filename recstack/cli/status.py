"""`recstack status`: what the gateway's processes and the rollout service say of themselves."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

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
from recstack.cli.failure import Failure
from recstack.cli.output import AsJson, new_table, print_table
from recstack.cli.rollout_service import rollouts
from recstack.cli.rollout_tables import NONE, line
from recstack.workspace import Workspace

ROLLOUT = "rollout"
ROLLOUT_HELP = "Of the rollout service, host:port; by default that of the stack, if it has one."


def status(
    address: Addresses = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    port_offset: PortOffset = 0,
    var: Var = VAR,
    rollout_address: Annotated[
        str, typer.Option(envvar="RECSTACK_ROLLOUT_ADDRESS", help=ROLLOUT_HELP)
    ] = "",
) -> None:
    """Releases, stages and their breakers, limits, certificate, of each process of the gateway.

    And who leads the rollouts, and how the one that runs, or was the last, is.
    """
    asked = processes(address, token_file, port_offset, var)
    found = {where: _asked(asked, where) for where in asked.addresses}
    there = Workspace(var, port_offset).running().get(ROLLOUT, ())
    rollout = _rollout(rollout_address or next(iter(there), ""), token_file, var)
    if as_json:
        told = {where: asdict(one) for where, one in found.items()}
        typer.echo(json.dumps(told | ({ROLLOUT: rollout} if rollout else {}), indent=2))
        return
    for where, one in found.items():
        _print(where, one)
    if rollout:
        typer.echo("rollout service: " + ", ".join(rollout.values()))


def _asked(asked: Processes, address: str) -> Status:
    with asked.asked(address) as admin:
        return admin.status()


def _rollout(address: str, token_file: Path | None, var: Path) -> dict[str, str]:
    """Who leads and how the rollout is; what is wrong with the service; empty: there is none."""
    if not address:
        return {}
    try:
        with rollouts(address, token_file, 0, var) as service:
            view = service.view()
    except Failure as failure:
        return {"problem": str(failure)}
    told = NONE if view.record is None else line(view.record, view.look)
    return {"leader": f"{view.leader} leads", ROLLOUT: told}


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
