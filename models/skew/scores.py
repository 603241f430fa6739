"""Ranks logged requests again, with the encoders and the graph of the release that served them."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from models.data.served import LoggedRequest
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from models.skew.check import Check, Difference
from services.domain.arrays import F32
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.outcome import Outcome
from services.domain.stages import RankQuery, Scores
from services.inference.store import ReleaseStore
from services.journal.request import Ranked, RequestEntry
from services.rank.pipeline import RankModel, open_rank

TOLERANCE = 1e-5
BATCH = 16
PATIENCE = 3600.0


def check_scores(requests: Iterable[LoggedRequest], releases: ReleaseStore) -> Check:
    """Compares the scores of rank with those that were served; they may differ by TOLERANCE.

    Requests without scores of rank, and of releases that are not here, are skipped.

    Raises:
        ReleaseError: a release was changed after it was made.
        DataError: the log cannot be read.
    """
    here = set(releases.ids())
    skipped = Counter[str]()
    replays: dict[str, _Replay] = {}
    for request in requests:
        entry = request.entry
        if not len(entry.ranked.scores):
            skipped["without scores of rank"] += 1
        elif entry.release not in here:
            skipped[f"release {entry.release} is not here"] += 1
        else:
            if entry.release not in replays:
                replays[entry.release] = _Replay(releases.fetch(entry.release))
            replays[entry.release].add(entry)
    every = list(replays.values())
    for replay in every:
        replay.compare()
    return Check(
        "rank scores",
        sum(replay.compared for replay in every),
        dict(skipped),
        [difference for replay in every for difference in replay.differences],
        max((replay.worst for replay in every), default=0.0),
    )


class _Replay:
    """The requests that one release served.

    Attributes:
        compared, differences, worst: as in Check.
    """

    def __init__(self, folder: Path) -> None:
        """Opens rank of the release in `folder`; ReleaseError when it was changed."""
        Manifest.read(folder).verify(folder)
        self._model = open_rank(folder)
        self._catalog = Catalog(folder, FeatureSchema.read(folder).categories)
        self._waiting: list[tuple[RequestEntry, RankQuery]] = []
        self.compared = 0
        self.differences: list[Difference] = []
        self.worst = 0.0

    def add(self, entry: RequestEntry) -> None:
        """Compares the request, perhaps together with later ones."""
        self.compared += 1
        candidates = candidates_of(entry.ranked, self._catalog)
        if candidates is None:
            self._differs(entry, "a candidate is neither in the release nor logged as a new item")
            return
        self._waiting.append((entry, _query(entry, candidates)))
        if len(self._waiting) == BATCH:
            self.compare()

    def compare(self) -> None:
        """Ranks what waits."""
        outcomes = asyncio.run(_run(self._model, [query for _, query in self._waiting]))
        for (entry, _), outcome in zip(self._waiting, outcomes, strict=True):
            if outcome.value is None:
                self._differs(entry, f"rank refuses it: {outcome.failure}")
            else:
                self._compare_scores(entry, outcome.value)
        self._waiting.clear()

    def _compare_scores(self, entry: RequestEntry, scores: Scores) -> None:
        served = _together(entry.ranked.scores, entry.ranked.tasks)
        again = _together(scores.blended, scores.tasks)
        if served.shape != again.shape:
            self._differs(entry, f"scores of shape {served.shape}, now {again.shape}")
            return
        off = np.abs(served - again)
        worst = float(off.max())
        self.worst = max(self.worst, worst)
        if not worst <= TOLERANCE:  # NaN is a difference too
            share = float((off > TOLERANCE).any(axis=1).mean())
            self._differs(
                entry, f"scores are off by up to {worst:.2g}, of {share:.0%} of the items"
            )

    def _differs(self, entry: RequestEntry, what: str) -> None:
        self.differences.append(Difference(entry.request_id, entry.asked.time, what))


def _together(blended: F32, tasks: F32) -> F32:
    """Score and probabilities by item, float32 [n, 1 + T]."""
    return np.column_stack([blended, tasks.reshape(len(blended), -1)])


async def _run(model: RankModel, queries: Sequence[RankQuery]) -> Sequence[Outcome[Scores]]:
    return await model.run(queries)


def candidates_of(ranked: Ranked, catalog: Catalog) -> Candidates | None:
    """The candidates with rows of a release; None when one is neither in it nor inline."""
    rows = catalog.rows_of(ranked.keys)
    place_of = {key: place for place, key in enumerate(ranked.inline.keys.tolist())}
    for at in np.flatnonzero(rows < 0):
        place = place_of.get(int(ranked.keys[at]))
        if place is None:
            return None
        rows[at] = -1 - place
    return Candidates(rows, ranked.channels, ranked.recall_scores, ranked.statistics, ranked.inline)


def _query(entry: RequestEntry, candidates: Candidates) -> RankQuery:
    asked = entry.asked
    return RankQuery(
        entry.release,
        UserContext(asked.user.hex(), asked.known, asked.profile, asked.history),
        RequestContext(asked.time, asked.placement, asked.attributes),
        candidates,
        PATIENCE,
        entry.user_vector,
    )
