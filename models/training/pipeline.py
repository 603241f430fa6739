"""From a data set to a release."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from models.data import DataError
from models.data.dataset import Dataset, Tables
from models.evaluation.last_out import Funnel, evaluate
from models.export import index
from models.export import release as files
from models.export.release import Examples
from models.prerank.light import LightScorer
from models.rank.din import Din, RankItems, RankShape
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, hash_files
from models.schema.rank import TASKS
from models.schema.user_tower import UserEncoder
from models.training import prerank as prerank_training
from models.training import rank as rank_training
from models.training import recall as recall_training
from models.training import schema as schema_training
from models.training.candidates import CHANNELS, Lists, Recall, recall
from models.training.log import Log
from models.training.rank import Encoded, Ranker
from models.training.rows import Labelled, cut, label
from models.training.settings import Settings
from models.training.split import Queries, Split, last_out, queries, slice_queries
from services.domain.arrays import F32, I64
from services.domain.context import RequestContext
from services.domain.stages import PrerankQuery, RankQuery

PROTOCOL = (
    "last event of each user, whole catalog without the user's earlier items, through the "
    "serving stages, k = 10; measured on a twin of this release: the same graphs of prerank and "
    "rank, with recall fitted on everything but those last events; this release's recall is "
    "fitted by the same recipe on all events"
)


class Report(Protocol):
    """Who hears how far the training is."""

    def __call__(self, step: str) -> Callable[[float], None]:
        """Begins a step; the result is called with the part of it that is done."""
        ...


@dataclass(frozen=True)
class Source:
    """What everything is trained from."""

    dataset: Dataset
    tables: Tables
    log: Log
    schema: FeatureSchema
    settings: Settings
    report: Report


@dataclass(frozen=True)
class Scorers:
    """The models after recall."""

    prerank: LightScorer
    ranker: Ranker


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
        early, scorers, split = _train(source, folder / "base")
        metrics = _held_out(source, folder / "twin", early, scorers, split)
        made = folder / "release"
        everything = _refit(source, early, log, "recall on everything")
        _write(source, made, identity, everything, scorers, metrics)
        made.rename(releases / identity)
    files.set_current(releases, identity)
    return releases / identity


def _train(source: Source, base: Path) -> tuple[Recall, Scorers, Split]:
    """Recall on the early slice, then prerank and rank on the later one."""
    settings, log = source.settings, source.log
    split = last_out(log, settings.slice_share, settings.slice_most)
    content = files.write_base(base, source.tables, source.schema, settings.parameters())
    progress = source.report("recall on the early slice")
    early = recall_training.fit(log.first(split.early), source.schema, content, settings, progress)
    users = UserEncoder.open(base)
    train = _thinned(slice_queries(log, split), settings)
    validation = queries(log, split.held_out, split.slice_end[split.held_out])
    progress = source.report("candidates of the later slice")
    lists = recall(early, log, train, users, settings.parameters())
    progress(0.8)
    valid_lists = recall(early, log, validation, users, settings.parameters())
    progress(1.0)
    labelled = label(log, train, lists.candidates, split.slice_end)
    valid = label(log, validation, valid_lists.candidates, split.slice_end)
    epochs, seed = settings.scaled(settings.prerank_epochs), settings.seed
    progress = source.report("prerank")
    light = prerank_training.train(labelled, lists, early, epochs, seed, progress)
    progress = source.report("rank")
    limit = settings.prerank_limit
    ranker = _ranker(source, early, content)
    rank_training.train(
        ranker,
        cut(labelled, _light_scores(light, labelled, lists, early), limit),
        _encoded(log, train, users),
        (
            cut(valid, _light_scores(light, valid, valid_lists, early), limit),
            _encoded(log, validation, users),
        ),
        replace(settings.rank, epochs=settings.scaled(settings.rank.epochs), seed=seed),
        progress,
    )
    return early, Scorers(light, ranker), split


def _thinned(train: Queries, settings: Settings) -> Queries:
    """At most max_queries of the rows, drawn with the seed."""
    if len(train) <= settings.max_queries:
        return train
    generator = np.random.default_rng(settings.seed)
    at = np.sort(generator.choice(len(train), settings.max_queries, replace=False))
    return Queries(train.users[at], train.ends[at], train.targets[at], train.liked[at])


def _ranker(source: Source, early: Recall, content: F32) -> Ranker:
    """A ranker whose items start as the recall's, projected to fewer dimensions."""
    settings = source.settings
    torch.manual_seed(settings.seed)
    shape = RankShape(
        field_sizes=recall_training.field_sizes(source.schema),
        recall_size=3 * len(CHANNELS),
        static_size=early.statics.shape[1],
        e=settings.rank_e,
    )
    items = RankItems(torch.from_numpy(content), torch.from_numpy(early.statics), shape.e)
    with torch.no_grad():
        table = early.tower.item_table()
        axes = torch.linalg.eigh(table.T @ table).eigenvectors.T.flip(0)[: shape.e]
        scale = 1.0 / table.norm(dim=1).mean().clamp_min(1e-6)
        items.tower.ids.weight.copy_(early.tower.items.ids.weight @ axes.T * scale)
        items.tower.project.weight.copy_(axes @ early.tower.items.project.weight * scale)
        items.tower.project.bias.copy_(axes @ early.tower.items.project.bias * scale)
    return Ranker(Din(shape, len(TASKS)), items)


def _light_scores(
    light: LightScorer, labelled: Labelled, lists: Lists, models: Recall
) -> list[F32]:
    return [
        prerank_training.score(light, candidates, lists.vectors[query], models)
        for query, candidates in zip(labelled.queries, labelled.candidates, strict=True)
    ]


def _encoded(log: Log, wanted: Queries, users: UserEncoder) -> Encoded:
    pairs = zip(wanted.users, wanted.ends, strict=True)
    contexts = [log.context(int(user), int(end)) for user, end in pairs]
    history, fields = users.encode(contexts, [RequestContext(now=0)] * len(contexts))
    return Encoded(history, fields, wanted.liked)


def _refit(source: Source, early: Recall, log: Log, step: str) -> Recall:
    progress = source.report(step)
    return recall_training.refit(early, log, source.schema, source.settings, progress)


def _held_out(
    source: Source, folder: Path, early: Recall, scorers: Scorers, split: Split
) -> dict[str, float]:
    """Test metrics of a release whose recall is fitted on all but each user's last event."""
    log = source.log
    ends = log.sizes.copy()
    ends[split.held_out] -= 1
    twin = _refit(source, early, log.first(ends), "recall up to the last event")
    _write(source, folder, "twin", twin, scorers, {})
    progress = source.report("evaluation on the last event")
    funnel = Funnel.open(folder, source.settings.prerank_limit)
    test = queries(log, split.held_out, ends[split.held_out])
    metrics = asyncio.run(evaluate(funnel, log, test))
    progress(1.0)
    return metrics


def _write(
    source: Source,
    folder: Path,
    identity: str,
    models: Recall,
    scorers: Scorers,
    metrics: dict[str, float],
) -> None:
    """Writes a whole release, its manifest last."""
    parameters = source.settings.parameters()
    files.write_base(folder, source.tables, source.schema, parameters)
    files.write_models(folder, models, scorers.ranker, source.settings.index)
    examples = _examples(source, models, UserEncoder.open(folder))
    files.write_graphs(folder, models, scorers.prerank, scorers.ranker, examples)
    manifest = Manifest(
        id=identity,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=version("recstack"),
        schema_hash=source.schema.hash,
        data_fingerprint=source.dataset.description.fingerprint,
        data_name=source.dataset.description.name,
        channels=CHANNELS,
        tasks=TASKS,
        metrics=metrics,
        metrics_protocol=PROTOCOL,
        files=hash_files(folder),
    )
    manifest.write(folder)
    manifest.verify(folder)


def _examples(source: Source, models: Recall, users: UserEncoder) -> Examples:
    """Queries of the first users, with what recall finds for them; one has no history."""
    log = source.log
    some: I64 = np.arange(min(64, log.user_count))
    ends = np.maximum(log.sizes[some] - 1, 0)
    ends[:1] = 0
    wanted = queries(log, some, ends)
    lists = recall(models, log, wanted, users, source.settings.parameters())
    now = RequestContext(now=0)
    contexts = [log.context(int(u), int(e)) for u, e in zip(some, ends, strict=True)]
    limit = source.settings.prerank_limit
    return Examples(
        [
            PrerankQuery("", context, now, candidates, vector, 1.0)
            for context, candidates, vector in zip(
                contexts, lists.candidates, lists.vectors, strict=True
            )
        ],
        [
            RankQuery(
                "", context, now, candidates.take(np.arange(min(limit, len(candidates)))), 1.0
            )
            for context, candidates in zip(contexts, lists.candidates, strict=True)
        ],
    )


def _identity(dataset: Dataset, releases: Path) -> str:
    """<data>-<UTC time>, with a number when there is one already."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{dataset.description.name}-{stamp}"
    taken = sum(path.name.startswith(name) for path in releases.iterdir())
    return f"{name}-{taken + 1}" if taken else name
