"""`recstack doctor`: what is wrong with a stack, and what to do."""

import asyncio
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from recstack.cli.failure import Failure
from recstack.cli.output import AsJson
from recstack.cli.pairs import pairs

TLS_HELP = "Folder of its certificates, when it was started with --tls."
AT_HELP = "Where a service is, as NAME=HOST:PORT; by default at --host, as `recstack up` has it."
SLOW_HELP = "Median time of a stage that is too long, milliseconds."
UNHEALTHY = 1


def addresses(given: list[str] | None) -> dict[str, str]:
    """Name → host:port of --at.

    Raises:
        Failure: there is no such service, or no such address.
    """
    from recstack.doctor.gather.places import PORTS

    found = pairs("--at", given)
    for name, address in found.items():
        if name not in PORTS:
            raise Failure(f"--at: there is no service {name}", f"there are {', '.join(PORTS)}")
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise Failure(f"--at: {address!r} is not host:port")
    return found


def doctor(
    releases: Annotated[str, typer.Option(help="Folder or URL of its releases.")] = "var/releases",
    release: Annotated[str, typer.Option(help="Id of the release that it should serve.")] = "",
    port_offset: Annotated[int, typer.Option(min=0, help="Added to each of its ports.")] = 0,
    host: Annotated[str, typer.Option(help="Address that it listens on.")] = "127.0.0.1",
    tls: Annotated[Path | None, typer.Option(help=TLS_HELP, exists=True, file_okay=False)] = None,
    var: Annotated[Path, typer.Option(help="Its folder.")] = Path("var"),
    at: Annotated[list[str] | None, typer.Option(help=AT_HELP)] = None,
    redis_user: Annotated[
        str, typer.Option(envvar="RECSTACK_REDIS_USER", help="Whom to ask a Redis of yours as.")
    ] = "",
    redis_password_file: Annotated[
        Path | None,
        typer.Option(envvar="RECSTACK_REDIS_PASSWORD_FILE", help="The password of that user."),
    ] = None,
    slow_ms: Annotated[float, typer.Option(min=0, help=SLOW_HELP)] = 50.0,
    lag_seconds: Annotated[
        float, typer.Option(min=0, help="Age of an entry of the log that is too old.")
    ] = 120.0,
    free_mb: Annotated[int, typer.Option(min=0, help="Room that each disk should have.")] = 512,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a stack that runs, or does not start, and what to do.

    Give it the options that `recstack up` has or had, and the same RECSTACK_REDIS_URL. It looks and
    changes nothing; the gateway is asked to explain a few lists, which mark no item as shown. The
    exit code is 0 when all is well, and 1 when something is wrong.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it would log is in the findings
    from recstack.doctor.checks import examined
    from recstack.doctor.facts import Limits
    from recstack.doctor.gather.facts import facts_of
    from recstack.doctor.report import lines, wrong
    from recstack.doctor.target import Target, plan_of
    from recstack.local_redis import URL_VARIABLE
    from recstack.workspace import Workspace
    from services.chassis.redis import Login

    workspace = Workspace(var, port_offset)
    url = os.environ.get(URL_VARIABLE, "")
    plan = replace(plan_of(workspace, host, releases, tls, url), release=release)
    limits = Limits(slow_ms / 1000, lag_seconds, free_bytes=free_mb * 2**20)
    login = Login(redis_user, redis_password_file)
    target = Target(plan, limits, own_redis=not url, login=login, at=addresses(at))
    facts = asyncio.run(facts_of(target))
    findings = examined(facts)
    if as_json:
        body = {"healthy": not wrong(findings), "findings": [asdict(one) for one in findings]}
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(lines(facts, findings)))
    if wrong(findings):
        raise typer.Exit(UNHEALTHY)
