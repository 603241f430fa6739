"""`recstack top`: a live view of the running stack."""

import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from recstack.cli import tls
from recstack.cli.failure import Failure
from recstack.cli.output import AsJson, print_table
from recstack.top import StatsUnavailableError, added_up, fetch, rendered, stats_urls
from recstack.workspace import Workspace

DEFAULT_URL = "http://127.0.0.1:8080"


def top(
    url: Annotated[
        list[str] | None,
        typer.Option(envvar="RECSTACK_URL", help="Where workers show /stats; several add up."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print once and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 1.0,
    as_json: AsJson = False,
    port_offset: Annotated[int, typer.Option(min=0, help="Of the stack to look at.")] = 0,
    var: Annotated[Path, typer.Option(help="Its folder.")] = Path("var"),
) -> None:
    """Requests per second, latency, errors and degraded answers, for the whole and by stage."""
    urls = url or stats_urls(Workspace(var, port_offset), DEFAULT_URL)
    try:
        reports = fetch(urls, tls.given())
    except StatsUnavailableError as error:
        raise Failure(str(error), "start the stack with `recstack up`, or give its --url") from None
    if as_json:
        typer.echo(json.dumps(added_up(reports), indent=2))
    elif once:
        print_table(rendered(added_up(reports), len(reports)))
    else:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(urls, every)


def _watch(urls: Sequence[str], every: float) -> None:
    """Shows the stats until Ctrl-C; a gateway that is being restarted is waited for."""
    with Live(auto_refresh=False, screen=True) as live:
        while True:
            try:
                reports = fetch(urls, tls.given())
                live.update(rendered(added_up(reports), len(reports)), refresh=True)
            except StatsUnavailableError as error:
                live.update(str(error), refresh=True)
            time.sleep(every)
