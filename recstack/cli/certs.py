"""`recstack certs`: certificates for trying TLS out."""

from pathlib import Path
from typing import Annotated

import typer

from recstack.cli.failure import Failure


def certs(
    folder: Annotated[Path, typer.Argument(help="Where they go; made if it is not there.")] = Path(
        "var/tls"
    ),
    host: Annotated[
        list[str] | None, typer.Option(help="Another name or address of the services.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=825, help="How long they hold.")] = 365,
) -> None:
    """Make a CA, a certificate for each service and one for a client.

    `recstack up --tls FOLDER` uses them. They are for trying it out: in production certificates
    come from a CA whose key is not on the machine that serves.
    """
    try:
        from recstack.certs import make_certificates
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not installed", "pip install 'recstack[tls]'") from None
    for made in make_certificates(folder, host or (), days):
        names = f", for {', '.join(made.hosts)}" if made.hosts else ""
        typer.echo(f"{made.file}: until {made.until:%-d %B %Y}{names}")
    typer.echo(f"keys are beside them; next: recstack up --tls {folder}")
