"""Writing of a whole release."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from models.export import release as files
from models.export.release import Examples
from models.schema.manifest import Manifest, hash_files
from models.schema.rank import TASKS
from models.schema.user_tower import UserEncoder
from models.training.candidates import CHANNELS, Recall, recall
from models.training.scorers import Scorers
from models.training.source import Source
from models.training.split import queries
from services.domain.arrays import I64
from services.domain.context import RequestContext
from services.domain.stages import PrerankQuery, RankQuery

PROTOCOL = (
    "last new item of each user, whole catalog without the user's earlier items, through the "
    "serving stages, k = 10; measured on a twin of this release: the same graphs of prerank and "
    "rank, with recall fitted on what comes before those events; this release's recall is "
    "fitted by the same recipe on all events"
)


def write(
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
