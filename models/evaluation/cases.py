"""The evaluations that can be asked for, from folders and files to places."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset
from models.evaluation import EvaluationError, wanted
from models.evaluation.funnel import Funnel
from models.evaluation.places import About, Places, joined
from models.evaluation.plain import files, run, split
from models.evaluation.plain.dataset import Protocol, splits_of
from models.evaluation.plain.models import Hyper
from models.evaluation.release import judge
from models.evaluation.wanted import Wanted
from models.schema import layout
from models.schema.manifest import Manifest
from models.training.log import Log

Report = Callable[[str], Callable[[float], None]]

PLAIN = "plain models"


@dataclass(frozen=True, slots=True)
class PlainFiles:
    """A published split."""

    train: Path
    test: Path
    negatives: Path | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """Which plain models, with what, on how many random negatives (0: the whole catalog)."""

    names: Sequence[str]
    hyper: Hyper
    sampled: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Events:
    """What a release is asked for: the events of a data set.

    Attributes:
        protocol: last-out, or time.
        after: for time: unix seconds.
        test: items of this file instead; the whole data set is history.
    """

    data: Path
    protocol: str = "time"
    after: int = 0
    test: Path | None = None


def of_files(given: PlainFiles, models: Models, report: Report) -> Places:
    """Plain models on a published split.

    Raises:
        EvaluationError: when a file is not what it should be, or nothing can be found.
    """
    parts = [given.train, given.test, *([given.negatives] if given.negatives else [])]
    if models.sampled and given.negatives:
        raise EvaluationError("give negatives, or a number of random ones, not both")
    made = split.of_files(*(files.read(path) for path in parts))
    if models.sampled:
        made = made.with_negatives(models.sampled, models.seed)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()
    about = About(PLAIN, given.train.parent.name, digest, "given split", "", (), ())
    return run.run(made, models.names, models.hyper, about, report)


def of_dataset(data: Path, protocol: Protocol, models: Models, report: Report) -> Places:
    """Plain models on a split of a data set; folds are put together.

    Raises:
        DataError: when there is no data set.
        EvaluationError: when it cannot be split so.
    """
    dataset = Dataset.open(data)
    tables, about = dataset.tables(), dataset.description
    log = Log.of(tables, about.has_clock)
    found = []
    for one in splits_of(log, tables, protocol):
        made = one.with_negatives(models.sampled, models.seed) if models.sampled else one
        told = About(PLAIN, about.name, about.fingerprint, str(protocol), "", (), ())
        found.append(run.run(made, models.names, models.hyper, told, report))
    return joined(found)


def of_release(folder: Path, events: Events, report: Report) -> Places:
    """A release on events it was not trained on, through the stages that serve.

    Raises:
        DataError, ReleaseError: when the data set or the release is not one.
        EvaluationError: when the release was trained on these events, or none can be found.
    """
    dataset, manifest = Dataset.open(events.data), Manifest.read(folder)
    tables, about = dataset.tables(), dataset.description
    if about.fingerprint in _trained_on(folder) and not events.test:
        raise EvaluationError(
            f"{manifest.id} was trained on this very data, so it knows the answers; leave --data "
            "out for what its training measured before it saw them"
        )
    log = Log.of(tables, about.has_clock)
    asked = _wanted(log, tables.items["item_id"].to_list(), events)
    if log.has_clock:
        early = int(np.count_nonzero(asked.times < newest([folder])))
        asked = replace(asked, notes={**asked.notes, "queries from before the release": early})
    funnel = Funnel.open(folder)
    return judge(funnel, log, asked, about.fingerprint, report(f"{manifest.id}: {asked.protocol}"))


def newest(folders: Sequence[Path]) -> int:
    """When the last of these releases was made, unix seconds: what comes later, none has seen.

    Raises:
        ReleaseError: when one is not a release.
    """
    made = [datetime.fromisoformat(Manifest.read(folder).created) for folder in folders]
    return int(max(made).timestamp())


def _trained_on(folder: Path) -> set[str]:
    """Fingerprints of the data of a release, and of those before it, as far as they are there.

    A release of a served log was trained on all that the release which served was.
    """
    found: set[str] = set()
    while (folder / layout.MANIFEST).is_file():
        manifest = Manifest.read(folder)
        found.add(manifest.data_fingerprint)
        if not manifest.parent:
            break
        folder = folder.parent / manifest.parent
    return found


def _wanted(log: Log, item_ids: Sequence[str], events: Events) -> Wanted:
    if events.test:
        return wanted.given(log, item_ids, files.read(events.test))
    if events.protocol == "last-out":
        return wanted.last_items(log)
    if events.protocol == "time":
        return wanted.after(log, events.after)
    raise EvaluationError(f"a release is evaluated by last-out or time, not {events.protocol!r}")
