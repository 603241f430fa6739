"""`recstack train`: from a data set to a release that serves."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.schema.manifest import Manifest, ReleaseError
from recstack.cli.failure import Failure


def train(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")] = Path("var/data/ml-100k"),
    releases: Annotated[Path, typer.Option(help="Folder of releases.")] = Path("var/releases"),
    index: Annotated[
        str, typer.Option(help="Index of item vectors: flat, hnsw, ivf or ivfpq.")
    ] = "flat",
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 1,
    epochs: Annotated[
        float, typer.Option(help="Factor on the epochs of all models.", min=0.01)
    ] = 1.0,
) -> None:
    """Train all models on a data set and publish a release."""
    # Threads that wait must not spin: with another process on the cores, that costs minutes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    try:
        from models.data import DataError
        from models.data.dataset import Dataset
        from models.export import ExportError
        from models.training.pipeline import train_release
        from models.training.settings import Settings
    except ModuleNotFoundError as error:
        hint = "pip install 'recstack[train]'"
        raise Failure(f"training needs {error.name}, which is not here", hint) from error

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        settings = Settings(seed=seed, epochs=epochs, index=index)
        try:
            folder = train_release(Dataset.open(data), releases, settings, _Steps(progress))
        except (DataError, ExportError, ReleaseError) as error:
            raise Failure(str(error)) from error
        except OSError as error:
            raise Failure(f"cannot write {error.filename or releases}: {error.strerror}") from error
    Console().print(_metrics(Manifest.read(folder)))
    typer.echo(f"release {folder.name} in {releases}; current")


class _Steps:
    """Each step of the training is a bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, step: str) -> Callable[[float], None]:
        task = self._progress.add_task(step, total=1.0)
        return lambda done: self._progress.update(task, completed=done)


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
