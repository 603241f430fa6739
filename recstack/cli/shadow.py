"""`recstack shadow ...`: a release answers copies of requests, and nobody sees its lists."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from recstack.cli.admin import VAR, PortOffset, TokenFile, Var
from recstack.cli.output import AsJson, new_table, print_table
from recstack.cli.rollout_service import Address, By, rollouts
from services.domain.traffic import AT_ONCE
from services.rollout.record import ShadowView

app = typer.Typer(
    help="Let a release answer copies of requests, and compare its lists with what users see.",
    no_args_is_help=True,
)

MEANS = (
    ("overlap of the lists", "overlap", "compared"),
    ("rank correlation of common items", "correlation", "correlated"),
    ("score drift of common items", "drift", "drifted"),
    ("time of its stages over stable's", "seconds", "stable_seconds"),
)
"""What is shown, the sum that it is of, and over what."""

COUNTS = ("compared", "degraded", "failed", "dropped")


@app.command()
def start(
    release: Annotated[str, typer.Argument(help="Id of the release.")],
    percent: Annotated[
        float, typer.Option(min=0, max=100, help="Of the requests, to be copied.")
    ] = 5.0,
    at_once: Annotated[
        int, typer.Option(min=1, max=64, help="Most copies of a gateway at a time.")
    ] = AT_ONCE,
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Copy a share of the requests to a release, in place of the shadow before.

    Users never see its lists, nor wait for them. Gateways load the release first.
    """
    with rollouts(address, token_file, port_offset, var, by) as service:
        _say(service.start_shadow(release, percent, at_once))


@app.command()
def stop(
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Copy no more requests."""
    with rollouts(address, token_file, port_offset, var, by) as service:
        _say(service.stop_shadow())


@app.command()
def show(
    examples: Annotated[int, typer.Option(help="Lists to show, least alike first.", min=0)] = 3,
    as_json: AsJson = False,
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """How much the shadow's lists are like those that users see, and how long they take."""
    with rollouts(address, token_file, port_offset, var) as service:
        view = service.shadow()
    if as_json:
        typer.echo(json.dumps(asdict(view), indent=2))
        return
    _say(view)
    if view.release:
        _print(view, examples)


def _say(view: ShadowView) -> None:
    if view.release:
        at_once = f"{view.at_once} at a time a gateway at most"
        typer.echo(f"{view.percent:g} % of the requests are copied to {view.release}, {at_once}")
    else:
        typer.echo("there is no shadow")


def _print(view: ShadowView, examples: int) -> None:
    counts = (f"{name} {view.sums.get(name, 0):,.0f}" for name in COUNTS)
    typer.echo(f"copies: {', '.join(counts)}")
    table = new_table("of those compared", "mean")
    for row in means(view.sums):
        table.add_row(*row)
    print_table(table)
    for one in sorted(view.examples, key=lambda one: one.overlap)[:examples]:
        typer.echo(f"request {one.request_id}: overlap {one.overlap:.2f}")
        typer.echo(f"  stable  {', '.join(one.stable)}")
        typer.echo(f"  shadow  {', '.join(one.shadow)}")
    for gateway in view.gateways:
        for lack in gateway.lacks:
            typer.secho(f"{gateway.gateway}: {lack}", fg="yellow", err=True)


def means(sums: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """What is known, by name, as people read it."""
    for name, total, over in MEANS:
        if sums.get(over):
            yield name, f"{sums.get(total, 0.0) / sums[over]:.3f}"
