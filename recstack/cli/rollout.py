"""`recstack rollout ...`: a release reaches all users by steps, or is taken back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recstack.cli import rollout_plan
from recstack.cli.admin import VAR, PortOffset, TokenFile, Var
from recstack.cli.failure import Failure
from recstack.cli.output import AsJson, print_table
from recstack.cli.rollout_service import Address, By, Why, rollouts
from recstack.cli.rollout_tables import NONE, entries, line, plan_of, rendered
from recstack.cli.rollout_watch import follow, until_decided
from services.rollout.explain import explain
from services.rollout.phase import Phase
from services.rollout.record import Record, View

app = typer.Typer(
    help="Bring a release to all users by steps; it is taken back when it is worse.",
    no_args_is_help=True,
)

PlanFile = Annotated[
    Path | None, typer.Argument(help="YAML, - for stdin; by default the one that ships.")
]


@app.command()
def plan(spec: PlanFile = None) -> None:
    """Say what a plan will do, before anything starts. Asks nobody.

    Exit code 2: it is no plan; every problem is named.
    """
    _, read = rollout_plan.read(spec)
    for told in explain(read):
        typer.echo(told)


@app.command()
def start(
    release: Annotated[str, typer.Argument(help="Id of the release.")],
    spec: Annotated[
        Path | None,
        typer.Option(help="The plan, YAML, - for stdin; by default the one that ships."),
    ] = None,
    stable: Annotated[
        str, typer.Option(help="Release to compare it with; by default what all users have.")
    ] = "",
    wait: Annotated[
        bool, typer.Option(help="Wait until it is loaded everywhere and has its first users.")
    ] = True,
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Start a rollout: gateways and stages load the release, then the first step begins.

    Exit code 1: it was refused, such as for a release that does not verify; 2: it was not started,
    or is not heard of any more: the message tells; 3: it was taken back meanwhile.
    """
    text, read = rollout_plan.read(spec)
    rollout_plan.print_summary(read)
    with rollouts(address, token_file, port_offset, var, by) as service:
        record = service.start(release, text, stable)
        typer.echo(f"rollout {record.rollout}: {record.release} instead of {record.stable}")
        if wait and (code := until_decided(service, record)):
            raise typer.Exit(code)


@app.command()
def status(
    as_json: AsJson = False,
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Where the rollout is, or how the last one ended: step, both arms, guards, gateways."""
    with rollouts(address, token_file, port_offset, var) as service:
        view = service.view()
    if as_json:
        typer.echo(json.dumps(asdict(view), indent=2))
    else:
        print_table(rendered(view))


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 1.0,
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Show the rollout live until it ends; without a terminal, a line for each change.

    Exit code 0: promoted, all users have the release; 3: rolled back; 1: refused, it never had
    users; 130: Ctrl-C, the rollout goes on.
    """
    with rollouts(address, token_file, port_offset, var) as service:
        code = follow(service, every)
    raise typer.Exit(code)


@app.command()
def promote(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    why: Why = "",
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Take the next step now, whatever guards say. After it they judge again."""
    with rollouts(address, token_file, port_offset, var, by) as service:
        seen = None if yes else _confirmed(service.view())
        _say(service.promote(why, seen))


@app.command()
def pause(
    why: Why = "",
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Take no further step; guards still take the release back."""
    with rollouts(address, token_file, port_offset, var, by) as service:
        _say(service.pause(why))


@app.command()
def resume(
    why: Why = "",
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Go on where it was paused."""
    with rollouts(address, token_file, port_offset, var, by) as service:
        _say(service.resume(why))


@app.command()
def abort(
    why: Why = "",
    by: By = "",
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Put all users back on the stable release, at once, and end the rollout."""
    with rollouts(address, token_file, port_offset, var, by) as service:
        _say(service.abort(why))


@app.command()
def history(
    rollout: Annotated[str, typer.Argument(help="Id of a rollout; by default of all.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The last so many entries.")] = 50,
    holds: Annotated[
        bool, typer.Option("--holds", help="Also every look that decided to wait: one a block.")
    ] = False,
    as_json: AsJson = False,
    address: Address = "",
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """The audit log, oldest first: every decision and command, by whom, and its numbers."""
    with rollouts(address, token_file, port_offset, var) as service:
        found = service.decisions(limit, rollout, holds)[::-1]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif found:
        print_table(entries(found))
    else:
        typer.echo(f"there is nothing of rollout {rollout}" if rollout else NONE)


def _confirmed(view: View) -> Record:
    """The rollout that a person wants to go on, having seen what guards say."""
    one = view.record
    if one is None or one.ended:
        raise Failure("no rollout runs", "see `recstack rollout status`")
    typer.echo(line(one, view.look))
    if one.phase is Phase.PREPARING:
        raise Failure("it is still prepared", "wait for its first step: `recstack rollout watch`")
    if one.phase is Phase.PAUSED:
        raise Failure("it is paused", "go on: `recstack rollout resume`")
    read = plan_of(one)
    if read and one.step + 1 < len(read.steps):
        after = read.steps[one.step + 1].percent
        typer.confirm(f"let {after:g} % of the users have {one.release} now?", abort=True)
    else:
        typer.confirm("take the next step now?", abort=True)
    return one


def _say(record: Record) -> None:
    typer.echo(line(record))
