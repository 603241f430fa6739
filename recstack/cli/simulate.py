"""`recstack simulate`: a simulated world writes a log, and its people use a running stack."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from recstack.cli.failure import Failure
from recstack.cli.output import Address
from recstack.client import DEFAULT_ADDRESS, ClientError

ISO = "%Y-%m-%dT%H:%M:%S"

app = typer.Typer(
    help="Simulated people, whose true tastes are known: a log to train on, and live traffic.",
    no_args_is_help=True,
)


@app.command("log")
def log(
    users: Annotated[int, typer.Option(help="People with an id.", min=10)] = 5_000,
    items: Annotated[int, typer.Option(help="Items that exist before the log ends.", min=100)] = (
        5_000
    ),
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 1,
    days: Annotated[float, typer.Option(help="Length of the log.", min=1.0)] = 60.0,
    visits: Annotated[
        float, typer.Option(help="Lists that a person was shown, on average.", min=1.0)
    ] = 150.0,
    end: Annotated[
        datetime | None,
        typer.Option(help="When the log ends, UTC; default: now.", formats=["%Y-%m-%d", ISO]),
    ] = None,
    name: Annotated[str, typer.Option(help="The data set; begins with simulated.")] = "simulated",
    to: Annotated[Path, typer.Option(help="Folder of data sets.")] = Path("var/data"),
    force: Annotated[bool, typer.Option("--force", help="Replace one that is there.")] = False,
) -> None:
    """Write the SIMULATED log of a world as a data set: `recstack train --data` takes it."""
    try:
        from loadtest.simulation.config import WorldConfig
        from loadtest.simulation.dataset import write
        from models.data import DataError
    except ModuleNotFoundError as error:
        hint = "pip install 'recstack[train]'"
        raise Failure(f"a log needs {error.name}, which is not here", hint) from error

    ends = int(end.replace(tzinfo=UTC).timestamp() if end else time.time())
    try:
        config = WorldConfig(users, items, seed, days, visits, ends)
    except ValueError as error:
        raise Failure(str(error)) from error
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("SIMULATED log", total=1.0)
        try:
            dataset = write(
                config,
                to,
                name,
                force=force,
                progress=lambda done: progress.update(task, completed=done),
            )
        except DataError as error:
            raise Failure(str(error)) from error
    counts = ", ".join(f"{number:,} {what}" for what, number in dataset.description.counts.items())
    typer.echo(f"SIMULATED data set {dataset.folder}: {counts}")


@app.command("drive")
def drive(
    data: Annotated[
        Path, typer.Option(help="The simulated data set that the stack was trained on.")
    ] = Path("var/data/simulated"),
    seconds: Annotated[float, typer.Option(help="While people come.", min=1.0)] = 60.0,
    rate: Annotated[float, typer.Option(help="Lists asked for a second.", min=0.1)] = 20.0,
    k: Annotated[int, typer.Option(help="Length of the lists.", min=1, max=100)] = 20,
    seed: Annotated[int, typer.Option(help="Of who comes when, and does what.", min=0)] = 1,
    speed: Annotated[float, typer.Option(help="Seconds of the world in one.", min=1.0)] = 3600.0,
    output: Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Let SIMULATED people use a running stack, and tell what its lists were truly worth.

    Events go into the stack as if of users: drive a stack of its own, not one that people use.
    """
    import uvloop

    try:
        from loadtest.simulation.config import WorldConfig
        from loadtest.simulation.drive import Course
        from loadtest.simulation.drive import drive as driven
        from loadtest.simulation.judge import Past, judge
        from loadtest.simulation.people import People
        from loadtest.simulation.report import lines, report
        from loadtest.simulation.world import World
    except ModuleNotFoundError as error:
        hint = "pip install 'recstack[train]'"
        raise Failure(f"simulated people need {error.name}, which is not here", hint) from error

    world = World(WorldConfig.read(data))
    people = People(world, seed, speed)
    console = Console(stderr=True)
    console.print(f"SIMULATED people of {data} ask {address} for {seconds:g} s")
    try:
        records = uvloop.run(driven(people, Course(address, seconds, rate, k, seed)))
    except ClientError as error:
        hint = "start the stack with `recstack up --data`, or give its --address"
        raise Failure(f"no answer from {address}: {error}", hint) from None
    if not records.answered:
        raise Failure(f"{address} answered nobody", "see its logs, or ask for fewer lists a second")
    judged = judge(world, Past.read(data, world), records.answered, seed)
    found = report(records, judged, seconds, k)
    for line in lines(found):
        typer.echo(line)
    if output:
        try:
            output.write_text(json.dumps(asdict(found), indent=2) + "\n", "utf-8")
        except OSError as error:
            raise Failure(f"cannot write {output}: {error.strerror}") from error
