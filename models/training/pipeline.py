"""From a data set to a release."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import torch

from models.data import DataError
from models.data.dataset import Dataset
from models.evaluation.last_out import Funnel, evaluate
from models.export import index
from models.export import release as files
from models.schema.user_tower import UserEncoder
from models.training import publish
from models.training import recall as recall_training
from models.training import schema as schema_training
from models.training import scorers as scorers_training
from models.training.candidates import Recall
from models.training.log import Log
from models.training.scorers import Scorers
from models.training.settings import Settings
from models.training.source import Report, Source
from models.training.split import Split, last_out, queries


def train_release(dataset: Dataset, releases: Path, settings: Settings, report: Report) -> Path:
    """Trains, evaluates and publishes a release; `current` then names it.

    Everything is made in a temporary folder beside it and renamed when it is whole.

    Returns:
        The folder of the release.

    Raises:
        DataError: when the data set is damaged or has nothing to train on.
        ExportError: when the index cannot be built or a graph does not compute what torch does.
        ReleaseError: when the release does not pass the checks of serving.
    """
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    tables = dataset.tables()
    index.check(tables.items.height, settings.index)
    log = Log.of(tables, dataset.description.has_clock)
    if not len(log.rows):
        raise DataError(f"{dataset.folder} has no clicks, likes or purchases to train on")
    source = Source(dataset, tables, log, schema_training.derive(tables), settings, report)
    releases.mkdir(parents=True, exist_ok=True)
    identity = _identity(dataset, releases)
    with tempfile.TemporaryDirectory(dir=releases, prefix=f".{identity}-") as temporary:
        folder = Path(temporary)
        split = last_out(log, settings.slice_share, settings.slice_most)
        early = _early(source, folder / "base", split)
        scorers = scorers_training.train(source, early, split, UserEncoder.open(folder / "base"))
        metrics = _held_out(source, folder / "twin", early, scorers, split)
        made = folder / "release"
        everything = _refit(source, early, log, "recall on everything")
        publish.write(source, made, identity, everything, scorers, metrics)
        made.rename(releases / identity)
    files.set_current(releases, identity)
    return releases / identity


def _early(source: Source, base: Path, split: Split) -> Recall:
    """Recall on the early slice; writes to `base` what encoders read."""
    parameters = source.settings.parameters()
    content = files.write_base(base, source.tables, source.schema, parameters)
    progress = source.report("recall on the early slice")
    log = source.log.first(split.early)
    return recall_training.fit(log, source.schema, content, source.settings, progress)


def _refit(source: Source, early: Recall, log: Log, step: str) -> Recall:
    progress = source.report(step)
    return recall_training.refit(early, log, source.schema, source.settings, progress)


def _held_out(
    source: Source, folder: Path, early: Recall, scorers: Scorers, split: Split
) -> dict[str, float]:
    """Test metrics of a release whose recall is fitted on what comes before the test events."""
    log = source.log
    twin = _refit(source, early, log.first(split.test), "recall up to the last event")
    publish.write(source, folder, "twin", twin, scorers, {})
    progress = source.report("evaluation on the last event")
    funnel = Funnel.open(folder, source.settings.prerank_limit)
    test = queries(log, split.held_out, split.test[split.held_out])
    metrics = asyncio.run(evaluate(funnel, log, test))
    progress(1.0)
    return metrics


def _identity(dataset: Dataset, releases: Path) -> str:
    """<data>-<UTC time>, with a number when there is one already."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{dataset.description.name}-{stamp}"
    taken = sum(path.name.startswith(name) for path in releases.iterdir())
    return f"{name}-{taken + 1}" if taken else name
