"""`recstack train`: from a data set to a release that serves."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.schema.manifest import Manifest, ReleaseError
from recstack.cli import tls
from recstack.cli.data import KeyFile, LogFolder, RedisUrl
from recstack.cli.failure import Failure
from recstack.served_log import KEY, LOG, LogPlace, current_release, data_of, made_from_log
from services.chassis.log import only

if TYPE_CHECKING:
    from models.data.dataset import Dataset
    from models.data.served import ServedLog

DATA_HELP = (
    "Folder of the data set; or the word log: what the stack served and logged, after the data of "
    "the current release."
)
SERVED = Path("log")


def train(
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path("var/data/ml-100k"),
    releases: Annotated[Path, typer.Option(help="Folder of releases.")] = Path("var/releases"),
    index: Annotated[
        str, typer.Option(help="Index of item vectors: flat, hnsw, ivf or ivfpq.")
    ] = "flat",
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 1,
    epochs: Annotated[
        float, typer.Option(help="Factor on the epochs of all models.", min=0.01)
    ] = 1.0,
    log: LogFolder = LOG,
    key: KeyFile = KEY,
    redis: RedisUrl = "",
) -> None:
    """Train all models on a data set and publish a release."""
    # Threads that wait must not spin: with another process on the cores, that costs minutes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    try:
        from models.data import DataError
        from models.export import ExportError
        from models.training.pipeline import train_release
        from models.training.settings import Settings
    except ModuleNotFoundError as error:
        hint = "pip install 'recstack[train]'"
        raise Failure(f"training needs {error.name}, which is not here", hint) from error

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with only("warning"), Progress(*columns, console=console) as progress:
        settings = Settings(seed=seed, epochs=epochs, index=index)
        try:
            place = LogPlace(log, key, redis, tls.given())
            dataset, parent, served = _source(data, place, str(releases), console.print)
            folder = train_release(dataset, releases, settings, _Steps(progress), parent, served)
        except (DataError, ExportError, ReleaseError) as error:
            raise Failure(str(error)) from error
        except OSError as error:
            raise Failure(f"cannot write {error.filename or releases}: {error.strerror}") from error
    manifest = Manifest.read(folder)
    for table in (_recall(manifest), _metrics(manifest)):
        if table.row_count:
            Console().print(table)
    if not manifest.metrics:
        typer.echo("nothing measured: no user did enough to hold something out")
    typer.echo(f"release {folder.name} in {releases}; current")


def _source(
    data: Path, place: LogPlace, releases: str, say: Callable[[str], None]
) -> "tuple[Dataset, str, ServedLog | None]":
    """The data set; of the served log, made anew, also the release that served it, and the log."""
    from models.data.dataset import Dataset
    from models.data.importer import Target
    from models.data.served import ServedLog
    from recstack.preparation import DATA

    if data != SERVED:
        return Dataset.open(data), "", None
    parent = current_release(releases)
    target = Target(DATA, SERVED.name, force=True)
    base = data_of(parent, DATA)
    made = made_from_log(place, base, target)
    say(f"{base.description.name}, then {', '.join(made.notes)}")
    return made.dataset, parent.id, ServedLog(place.folder)


class _Steps:
    """Each step of the training is a bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, step: str) -> Callable[[float], None]:
        task = self._progress.add_task(step, total=1.0)
        return lambda done: self._progress.update(task, completed=done)


def _recall(manifest: Manifest) -> Table:
    """What the search of quotas measured, and chose."""
    table = Table(title=f"{manifest.data_name}: recall@300 on the event before the last")
    for name in ("channel", "quota", "alone", "lost without it"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    by_quota = sorted(manifest.recall.items(), key=lambda one: -one[1].get("quota", -1.0))
    for name, found in by_quota:  # "merged", which has none, comes last
        quota = f"{found['quota']:.0f}" if "quota" in found else ""
        lost = f"{found['lost']:+.4f}" if "lost" in found else ""
        table.add_row(name, quota, f"{found['alone']:.4f}", lost)
    return table


def _metrics(manifest: Manifest) -> Table:
    """The table of losses: what is found after each stage."""
    table = Table(title=f"{manifest.data_name}: last event of each user, whole catalog")
    names = ("ndcg@10", "hr@10", "recall@300")
    for name in ("stage", *names):
        table.add_column(name, justify="left" if name == "stage" else "right")
    stages = dict.fromkeys(name.partition(".")[0] for name in manifest.metrics)
    for stage in sorted(
        stages, key=[*manifest.channels, "recall", "prerank", "rank", "rerank"].index
    ):
        table.add_row(stage, *(_cell(manifest, f"{stage}.{name}") for name in names))
    return table


def _cell(manifest: Manifest, name: str) -> str:
    if name not in manifest.metrics:
        return ""
    return f"{manifest.metrics[name]:.4f} ± {manifest.metrics[f'{name}.ci95']:.4f}"
