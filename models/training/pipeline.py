"""From a data set to a release."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from models.data import DataError
from models.data.dataset import Dataset
from models.data.exposures import EXPOSURES, Exposures, read_exposures
from models.data.served import ServedLog
from models.evaluation.funnel import Funnel
from models.evaluation.places import Places
from models.evaluation.release import judge
from models.evaluation.stored import store
from models.evaluation.values import of_manifest
from models.evaluation.wanted import answers
from models.export import index
from models.export import release as files
from models.training import channels, exposed, publish, quotas
from models.training import recall as recall_training
from models.training import schema as schema_training
from models.training import scorers as scorers_training
from models.training.log import Log
from models.training.places import channel_places
from models.training.publish import Measured
from models.training.quotas import Search
from models.training.recall import Recall, Recipe
from models.training.scorers import Scorers
from models.training.served_lists import served_lists
from models.training.settings import Settings
from models.training.source import Report, Source
from models.training.split import Split, last_out, queries, slice_length
from services.domain.arrays import I64


def train_release(
    dataset: Dataset,
    releases: Path,
    settings: Settings,
    report: Report,
    parent: str = "",
    served: ServedLog | None = None,
) -> Path:
    """Trains, evaluates and publishes a release; `current` then names it.

    Everything is made in a temporary folder beside it and renamed when it is whole. A data set
    without interactions makes a release that serves by content, categories and choices of users.

    Args:
        parent: the release that served the data set's log, if it is one that was served.
        served: that log; its lists train the scorers too.

    Returns:
        The folder of the release.

    Raises:
        DataError: when the data set is damaged or has no items.
        ExportError: when the index cannot be built or a graph does not compute what torch does.
        ReleaseError: when the release does not pass the checks of serving.
    """
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    source = replace(_source(dataset, settings, report, parent), served=served)
    releases.mkdir(parents=True, exist_ok=True)
    identity = _identity(dataset, releases)
    with tempfile.TemporaryDirectory(dir=releases, prefix=f".{identity}-") as temporary:
        folder = Path(temporary)
        split = _split(source)
        early = _early(source, folder / "early", split)
        source, search = _searched(source, folder / "early", early, split)
        lists = served_lists(source, split)
        scorers = scorers_training.train(source, early, folder / "early", split, lists)
        found = _held_out(source, folder / "twin", early, scorers, split)
        made = folder / "release"
        everything = _refit(source, early, source.log.sizes, "recall on everything")
        store(found, made)
        measured = Measured(of_manifest(found), search.table())
        publish.write(source, made, identity, everything, scorers, measured)
        made.rename(releases / identity)
    files.set_current(releases, identity)
    return releases / identity


def _source(dataset: Dataset, settings: Settings, report: Report, parent: str) -> Source:
    """What is trained from, with every channel that the catalog can have."""
    tables = dataset.tables()
    if not tables.items.height:
        raise DataError(f"{dataset.folder} has no items: there is nothing to recommend")
    index.check(tables.items.height, settings.index)
    log = Log.of(tables, dataset.description.has_clock)
    schema = schema_training.derive(tables, settings.text_size)
    every = dict.fromkeys(channels.possible(log.item_count), 1)
    if "ease" not in every:
        report(f"without ease: over {channels.EASE_ITEMS:,} items")(1.0)
    quotas = settings.quotas or every
    source = Source(dataset, tables, log, schema, settings, report, quotas, parent)
    return replace(source, exposures=_exposures(source))


def _exposures(source: Source) -> Exposures | None:
    """What was shown when, and to whom: times tell which list an event comes from."""
    log, folder = source.log, source.dataset.folder
    if log.has_clock:
        return read_exposures(folder, list(log.user_ids), source.tables.items["item_id"].to_list())
    if (folder / EXPOSURES).exists():
        source.report(f"without {EXPOSURES}: the data set has no clock")(1.0)
    return None


def _split(source: Source) -> Split:
    log, settings = source.log, source.settings
    share = settings.slice_share
    most = slice_length(log, share, settings.slice_most, settings.max_queries)
    split = last_out(log, share, most)
    count, limit = len(split.held_out), settings.max_held_out
    if count <= limit:
        return split
    source.report(f"measured on {limit:,} of {count:,} users")(1.0)  # enough to be sure, in time
    drawn = np.random.default_rng(settings.seed).permutation(split.held_out)[:limit]
    return replace(split, held_out=np.sort(drawn))


def _recipe(source: Source, ends: I64) -> Recipe:
    """For a fit on so many events of each user."""
    shown = source.exposures and exposed.shown_before(source.log, source.exposures, ends)
    return Recipe(source.schema, source.settings, source.channels, shown)


def _early(source: Source, folder: Path, split: Split) -> Recall:
    """Recall on the early slice, written to `folder` as a release's."""
    progress = source.report("recall on the early slice")
    content = files.write_base(folder, source.tables, source.schema, source.parameters())
    log = source.log.first(split.early)
    early = recall_training.fit(log, content, _recipe(source, split.early), progress)
    publish.write_recall(source, folder, "early", early)
    return early


def _searched(source: Source, folder: Path, early: Recall, split: Split) -> tuple[Source, Search]:
    """The source with the quotas of the release, which `folder` then has too."""
    search = _quotas(source, folder, split)
    source = replace(source, quotas=search.quotas)
    publish.set_quotas(source, folder, "early")
    return source, search


def _quotas(source: Source, folder: Path, split: Split) -> Search:
    """The quotas of the settings, or by search; defaults when there is little to measure by."""
    if source.settings.quotas:
        return Search(source.settings.quotas)
    if not len(source.log.rows):
        return Search(quotas.UNTRAINED)
    if len(split.held_out) < quotas.MIN_QUERIES:
        return Search(quotas.UNMEASURED)
    progress = source.report("quotas of recall")
    generator = np.random.default_rng(source.settings.seed)
    some = np.sort(generator.permutation(split.held_out)[: quotas.MAX_QUERIES])
    wanted = queries(source.log, some, split.slice_end[some])
    return quotas.search(channel_places(folder, source.log, wanted, progress))


def _refit(source: Source, early: Recall, ends: I64, step: str) -> Recall:
    """Recall on so many events of each user."""
    progress = source.report(step)
    log = source.log.first(ends)
    return recall_training.refit(early, log, _recipe(source, ends), progress)


def _held_out(
    source: Source, folder: Path, early: Recall, scorers: Scorers, split: Split
) -> Places:
    """What a release finds whose recall is fitted on what comes before the test events."""
    log = source.log
    twin = _refit(source, early, split.test, "recall up to the last event")
    publish.write(source, folder, "twin", twin, scorers, Measured())
    progress = source.report("evaluation on the last event")
    funnel = Funnel.open(folder, source.settings.prerank_limit)
    test = queries(log, split.held_out, split.test[split.held_out])
    fingerprint = source.dataset.description.fingerprint
    return judge(funnel, log, answers(log, test), fingerprint, progress)


def _identity(dataset: Dataset, releases: Path) -> str:
    """<data>-<UTC time>, with a number when there is one already."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{dataset.description.name}-{stamp}"
    taken = sum(path.name.startswith(name) for path in releases.iterdir())
    return f"{name}-{taken + 1}" if taken else name
