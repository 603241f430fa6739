"""`recstack restart`: new processes for a running stack, without a failed request."""

from pathlib import Path
from typing import Annotated

import typer

SERVICES_HELP = "Names as in `recstack up`, such as rank or worker-0; none: all, one by one."


def restart(
    services: Annotated[list[str] | None, typer.Argument(help=SERVICES_HELP)] = None,
    port_offset: Annotated[int, typer.Option(min=0, help="That of the stack.")] = 0,
    var: Annotated[Path, typer.Option(help="That of the stack.")] = Path("var"),
) -> None:
    """Restart services of a running stack, one after another, without a failed request.

    A new process starts beside the old one and serves before the old one stops taking calls. If it
    does not, the old one stays.
    """
    from recstack import control
    from recstack.workspace import Workspace

    for name in control.restart(Workspace(var, port_offset), services or []):
        typer.echo(f"restarted {name}")
