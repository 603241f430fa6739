"""`recstack data`: gets public data, imports a user's own logs."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.data import DataError
from recstack.cli import tls
from recstack.cli.data_import import import_
from recstack.cli.data_report import Force, To, console, failures, report
from recstack.served_log import KEY, LOG, LogPlace, current_release, data_of, made_from_log

app = typer.Typer(help="Get a public data set, or import your own logs.", no_args_is_help=True)

LogFolder = Annotated[
    Path, typer.Option("--log", envvar="RECSTACK_LOG", help="The log that a stack wrote.")
]
KeyFile = Annotated[Path, typer.Option("--key", help="Key file of the log's pseudonyms.")]
RedisUrl = Annotated[
    str,
    typer.Option(
        "--redis",
        envvar="RECSTACK_REDIS_URL",
        help="Redis of the stack; by default that of one on this machine, if it runs.",
    ),
]


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="The data set: ml-100k.")],
    to: To = Path("var/data"),
    force: Force = False,
    wheel: Annotated[
        Path | None,
        typer.Option(help="recbole-1.2.1-py3-none-any.whl, brought by hand: no network is used."),
    ] = None,
) -> None:
    """Get MovieLens-100K: 100,000 ratings of 1,682 films by 943 users.

    It is in the recbole 1.2.1 wheel, which is downloaded with pip.
    A data set that is already there is kept.
    """
    with failures():
        from models.data.dataset import Dataset
        from models.data.download import download_wheel
        from models.data.importer import Target
        from models.data.movielens import import_100k

        if name != "ml-100k":
            raise DataError(f"there is no data set {name!r} to get; there is: ml-100k")
        if (to / name).exists() and not force:
            there = Dataset.open(to / name)
            console.print(escape(there.description.licence))
            typer.echo(f"{there.folder} is already there; --force makes it anew")
            return
        with tempfile.TemporaryDirectory() as temporary:
            if not wheel:
                with console.status("downloading the recbole wheel"):
                    wheel = download_wheel(Path(temporary))
            report(import_100k(wheel, Target(to, name, force)))


app.command("import")(import_)


@app.command("from-log")
def from_log(
    log: LogFolder = LOG,
    base: Annotated[
        Path | None,
        typer.Option(help="The data set it goes on from; by default that of the current release."),
    ] = None,
    releases: Annotated[Path, typer.Option(help="Folder of releases.")] = Path("var/releases"),
    key: KeyFile = KEY,
    redis: RedisUrl = "",
    name: Annotated[str, typer.Option(help="The name of the new data set.")] = "log",
    to: To = Path("var/data"),
    force: Force = False,
) -> None:
    """Make a data set of another one and of what a stack logged while it served.

    Users are pseudonyms in it. Items that were put meanwhile are read from the stack's Redis.
    """
    with failures():
        from models.data.dataset import Dataset
        from models.data.importer import Target

        dataset = Dataset.open(base) if base else data_of(current_release(str(releases)), to)
        target = Target(to, name, force)
        report(made_from_log(LogPlace(log, key, redis, tls.given()), dataset, target))
