"""Writing of a whole release."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from models.export import release as files
from models.export.release import Examples
from models.schema.manifest import Manifest, hash_files
from models.schema.rank import TASKS
from models.training.candidates import answers
from models.training.log import Log
from models.training.recall import Recall
from models.training.scorers import Scorers
from models.training.source import Source
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.stages import PrerankQuery, RankQuery

PROTOCOL = (
    "last new item of each user, whole catalog without the user's earlier items, through the "
    "serving stages, k = 10; measured on a twin of this release: the same graphs of prerank and "
    "rank, with recall fitted on what comes before those events; this release's recall is "
    "fitted by the same recipe on all events"
)
EXAMPLES = 64


@dataclass(frozen=True)
class Measured:
    """What is told of a release.

    Attributes:
        metrics: of the twin, by name.
        recall: by channel and name, from the search of quotas.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    recall: dict[str, dict[str, float]] = field(default_factory=dict)


def write_recall(source: Source, folder: Path, identity: str, models: Recall) -> None:
    """Writes recall's part of a release: what `models.training.candidates.recall` opens."""
    files.write_base(folder, source.tables, source.schema, source.parameters())
    files.write_recall(folder, models, source.settings.index, _contexts(source.log))
    _manifest(source, identity, Measured()).write(folder)


def set_quotas(source: Source, folder: Path, identity: str) -> None:
    """Gives recall's part of a release the quotas of `source`."""
    source.parameters().write(folder)
    _manifest(source, identity, Measured()).write(folder)


def write(
    source: Source,
    folder: Path,
    identity: str,
    models: Recall,
    scorers: Scorers,
    measured: Measured,
) -> None:
    """Writes a whole release, its manifest last."""
    write_recall(source, folder, identity, models)
    examples = _examples(source, folder)
    files.write_scorers(folder, models, scorers.prerank, scorers.ranker, examples)
    finish(source, folder, identity, measured)


def finish(source: Source, folder: Path, identity: str, measured: Measured) -> None:
    """Writes the manifest over all files that are in the folder, and checks it."""
    manifest = _manifest(source, identity, measured, hash_files(folder))
    manifest.write(folder)
    manifest.verify(folder)


def _manifest(
    source: Source, identity: str, measured: Measured, hashes: dict[str, str] | None = None
) -> Manifest:
    return Manifest(
        id=identity,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=version("recstack"),
        schema_hash=source.schema.hash,
        data_fingerprint=source.dataset.description.fingerprint,
        data_name=source.dataset.description.name,
        channels=source.channels,
        tasks=TASKS,
        metrics=measured.metrics,
        metrics_protocol=PROTOCOL,
        recall=measured.recall,
        files=hashes or {},
        parent=source.parent,
    )


def _contexts(log: Log) -> list[UserContext]:
    """A stranger, and the first users before their last event."""
    some = range(min(EXAMPLES, log.user_count))
    known = [log.context(u, max(int(log.sizes[u]) - 1, 0)) for u in some]
    return [UserContext.unknown("stranger"), *known]


def _examples(source: Source, folder: Path) -> Examples:
    """Queries of a stranger and of the first users, with what recall finds for them."""
    now = RequestContext(now=0)
    contexts = _contexts(source.log)
    found = list(zip(contexts, answers(folder, contexts), strict=True))
    limit = source.settings.prerank_limit
    return Examples(
        [PrerankQuery("", c, now, one.candidates, one.user_vector, 1.0) for c, one in found],
        [
            RankQuery("", c, now, _first(one.candidates, limit), 1.0, one.user_vector)
            for c, one in found
        ],
    )


def _first(candidates: Candidates, limit: int) -> Candidates:
    return candidates.take(np.arange(min(limit, len(candidates))))
