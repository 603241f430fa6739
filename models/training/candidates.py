"""Candidate lists of many queries of the past, by the recall code that serves."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.training.live import Clock
from models.training.log import Log
from models.training.split import Queries
from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.live import NOTHING_LIVE, Live
from services.domain.stages import Recalled, RecallQuery
from services.recall.model import RecallModel
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings

LIMIT = 600  # candidates a request asks for: the default of recall_limit of the gateway
BATCH = 64
PATIENCE = 3600.0  # seconds: nothing is skipped for lateness


@dataclass(frozen=True)
class Lists:
    """What recall found for each query.

    Attributes:
        vectors: of the users, float32 [Q, d]; zeros where recall gave none.
        candidates: by query, in merge order.
        channel_count: channels of the release.
    """

    vectors: F32
    candidates: list[Candidates]
    channel_count: int


def quiet(_: float) -> None:
    """Progress that nobody follows."""


Also = Callable[[int], I64]


def nothing(_: int) -> I64:
    """No item beside those that recall finds."""
    return np.empty(0, np.int64)


def recall(
    folder: Path,
    log: Log,
    queries: Queries,
    progress: Callable[[float], None] = quiet,
    also: Also = nothing,
) -> Lists:
    """Candidates of each query, as the recall service gives them, seen items left out.

    Where the log has a clock, a query happens when its answer did: statistics and the trending list
    are those of that time, to within a batch, and none of its own later events is among them.

    Args:
        folder: recall's part of a release; its rows are those of the log.
        also: rows by query that are put after the candidates, by no channel, where they are not
            among them.
    """
    model = open_recall(folder, RecallSettings(channel_timeout=PATIENCE))
    found = asyncio.run(_run(model, log, queries, progress, also))
    width = max((len(one.user_vector) for one in found), default=0)
    vectors = np.zeros((len(found), width), np.float32)
    for vector, one in zip(vectors, found, strict=True):
        vector[: len(one.user_vector)] = one.user_vector
    return Lists(vectors, [one.candidates for one in found], len(model.channels))


def answers(folder: Path, contexts: Sequence[UserContext]) -> list[Recalled]:
    """What recall gives each of these users when nothing is live. `folder`: as in `recall`."""
    model = open_recall(folder, RecallSettings(channel_timeout=PATIENCE))
    now = RequestContext(now=0)
    asked = [RecallQuery("", context, now, LIMIT, PATIENCE) for context in contexts]
    return asyncio.run(_ask(model, asked, NOTHING_LIVE))


async def _run(
    model: RecallModel,
    log: Log,
    queries: Queries,
    progress: Callable[[float], None],
    also: Also,
) -> list[Recalled]:
    times = request_times(log, queries)
    order = np.argsort(times, kind="stable")
    clock = Clock(log)
    found: dict[int, Recalled] = {}
    for start in range(0, len(order), BATCH):
        at = order[start : start + BATCH]
        asked = [_query(log, queries, int(i), int(times[i])) for i in at]
        live = clock.at(int(times[at[0]]))
        recalled = await _ask(model, asked, live)
        for i, one in zip(at.tolist(), recalled, strict=True):
            found[i] = replace(one, candidates=_with(one.candidates, also(i), live))
        progress(min((start + BATCH) / len(order), 1.0))
    return [found[i] for i in range(len(queries))]


def _with(candidates: Candidates, also: I64, live: Live) -> Candidates:
    """The candidates and, after them, these rows, by no channel."""
    more = also[~np.isin(also, candidates.rows)].astype(np.int32)
    if not len(more):
        return candidates
    width = candidates.recall_scores.shape[1]
    statistics = candidates.statistics
    if statistics.size:
        statistics = np.concatenate([statistics, live.statistics_of(more)])
    return Candidates(
        np.concatenate([candidates.rows, more]),
        np.concatenate([candidates.channels, np.zeros(len(more), np.uint32)]),
        np.concatenate([candidates.recall_scores, np.zeros((len(more), width), np.float32)]),
        statistics,
        candidates.inline,
    )


async def _ask(model: RecallModel, asked: list[RecallQuery], live: Live) -> list[Recalled]:
    found = []
    for outcome in await model.run(asked, live):
        if outcome.value is None:
            raise RuntimeError(f"recall failed in training: {outcome.failure}")
        found.append(outcome.value)
    return found


def request_times(log: Log, queries: Queries) -> I64:
    """When each query's answer happened, unix seconds, int64 [Q]; 0 in a log without a clock."""
    if not log.has_clock:
        return np.zeros(len(queries), np.int64)
    last = np.maximum(log.sizes[queries.users] - 1, 0)
    return log.times[log.offsets[queries.users] + np.minimum(queries.ends, last)].astype(np.int64)


def _query(log: Log, queries: Queries, i: int, now: int) -> RecallQuery:
    user, end = int(queries.users[i]), int(queries.ends[i])
    request = RequestContext(now=now, attributes=log.attributes(user, end))
    return RecallQuery("", log.context(user, end), request, LIMIT, PATIENCE)
