"""`recstack up`: the whole stack on this machine."""

import asyncio
import logging
import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from recstack.cli.failure import Failure


class Fsync(StrEnum):
    """When Redis waits until the disk has what it wrote."""

    EVERYSEC = "everysec"
    ALWAYS = "always"


DATA_HELP = "Data set whose users are loaded; MovieLens-100K is fetched when there is none."
FSYNC_HELP = "When the stack's own Redis waits for the disk: each second, or at each write."
TRACE_HELP = "OpenTelemetry collector for traces, such as http://127.0.0.1:4317 (OTLP over gRPC)."
TLS_HELP = "Encrypt everything with the certificates in this folder; see `recstack certs`."
WORKERS_HELP = "Processes of the standalone placement, each with every stage."


def up(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    releases: Annotated[
        str, typer.Option(help="Folder or URL of the releases; one is trained if there is none.")
    ] = "var/releases",
    release: Annotated[str, typer.Option(help="Id of the release to serve.")] = "",
    standalone: Annotated[
        bool, typer.Option("--standalone", help="All stages in the gateway's process.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help=WORKERS_HELP)] = 1,
    port_offset: Annotated[int, typer.Option(min=0, help="Added to every port.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    rules: Annotated[
        Path | None, typer.Option(help="YAML file of rules for final lists.", exists=True)
    ] = None,
    trace: Annotated[str, typer.Option(help=TRACE_HELP)] = "",
    trace_ratio: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the requests that are traced.")
    ] = 1.0,
    tls: Annotated[Path | None, typer.Option(help=TLS_HELP, exists=True, file_okay=False)] = None,
    appendfsync: Annotated[Fsync, typer.Option(help=FSYNC_HELP)] = Fsync.EVERYSEC,
    var: Annotated[Path, typer.Option(help="Folder for Redis, logs, keys and locks.")] = Path(
        "var"
    ),
) -> None:
    """Start everything on this machine; Ctrl-C ends it.

    Redis is the one of RECSTACK_REDIS_URL, else a server of its own. Data is fetched and a release
    trained when there is none yet. What dies is started again.
    """
    if workers > 1 and not standalone:
        raise Failure("--workers is for the standalone placement", "add --standalone")
    from recstack.local_redis import URL_VARIABLE, local_redis
    from recstack.preparation import prepare
    from recstack.processes import Plan
    from recstack.secrets import key_file
    from recstack.security import ADMIN_TOKEN, Security
    from recstack.stack import check_ports, serve
    from recstack.workspace import Workspace

    # What a service would log is told by `say` here; standard output is for the ready line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    workspace = Workspace(var, port_offset)
    with workspace.locked():
        plan = Plan(workspace, host, releases, workers if standalone else 0)
        check_ports(plan)
        url = os.environ.get(URL_VARIABLE, "")
        token = key_file(workspace.secrets / ADMIN_TOKEN)
        security = Security(tls, None if url else workspace.secrets, token)
        security.check_tls(host)
        redis = local_redis(workspace, url, security, appendfsync.value)
        if redis.warning:
            say(redis.warning)
        prepared = prepare(releases, release, data, say)
        plan = replace(
            plan,
            release=prepared.release.id,
            redis_url=redis.url,
            pseudonym_key=str(key_file(workspace.secrets / "pseudonym.key")),
            page_key=str(key_file(workspace.secrets / "page.key")),
            security=security,
            rules=str(rules.resolve()) if rules else "",
            trace=trace,
            trace_ratio=trace_ratio,
        )
        asyncio.run(serve(plan, redis, prepared.data, say))


def say(line: str) -> None:
    """News of the stack, on stderr; the ready line is the only one on stdout."""
    typer.echo(line, err=True)
