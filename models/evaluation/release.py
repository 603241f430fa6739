"""A release measured on what users did next, through the stages that serve."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.evaluation.batch import Batch, batch_of, joined, stages_of
from models.evaluation.funnel import Funnel
from models.evaluation.losses import SHOWN
from models.evaluation.metrics.diversity import ild
from models.evaluation.metrics.found import F64
from models.evaluation.metrics.probabilities import Reliability, best_f1, by_quantile, logloss
from models.evaluation.metrics.ranks import auc, gauc, pr_auc
from models.evaluation.places import About, Places
from models.evaluation.wanted import Wanted, by_time
from models.training.live import Clock
from models.training.log import Log
from services.domain.arrays import I32, I64
from services.domain.context import RequestContext

BATCH = 32

Progress = Callable[[float], None]


def judge(funnel: Funnel, log: Log, wanted: Wanted, fingerprint: str, progress: Progress) -> Places:
    """Runs every query through the stages and keeps where the true items were.

    Stages are popular, the other channels alone, the merged candidates, and the lists after
    prerank, rank and rerank. What a user had before is not among the candidates; all else is.

    Args:
        log: its items need not be those of the release; a true item that the release does not have
            cannot be found, and counts as lost.
        fingerprint: of the data; with the protocol it says what may be compared.
    """
    stages, wanted = stages_of(funnel), by_time(wanted)
    every = joined(asyncio.run(_batches(funnel, log, wanted, progress)), len(stages))
    reasons = (SHOWN, *sorted(set(every.reasons) - {SHOWN}))
    code = {name: number for number, name in enumerate(reasons)}
    limits = {"rerank": funnel.k, "rank": funnel.prerank_limit, "prerank": funnel.prerank_limit}
    about = About(
        subject=funnel.manifest.id,
        data=funnel.manifest.data_name,
        fingerprint=fingerprint,
        protocol=wanted.protocol,
        ranking="whole catalog",
        stages=stages,
        limits=tuple(limits.get(stage, funnel.limit) for stage in stages),
        population=int(np.count_nonzero(log.sizes)),
        notes=wanted.notes,
        scores=_scores(every),
        reasons=reasons,
    )
    return Places(
        about,
        wanted.users,
        wanted.offsets,
        every.places,
        every.lists,
        every.lengths,
        _counts(log, wanted, funnel),
        _diversity(funnel, every.lists),
        np.fromiter((code[name] for name in every.reasons), np.int64, len(every.reasons)),
        _calibration(every),
    )


async def _batches(funnel: Funnel, log: Log, wanted: Wanted, progress: Progress) -> list[Batch]:
    """In the order of time: what is live only moves on."""
    row_of = funnel.catalog.rows_of(log.keys)
    clock = Clock(_of_release(log, funnel))
    targets = row_of[wanted.targets]
    found = []
    for start in range(0, len(wanted), BATCH):
        queries = range(start, min(start + BATCH, len(wanted)))
        contexts = [log.context(int(wanted.users[q]), int(wanted.ends[q])) for q in queries]
        requests = [_request(log, wanted, q) for q in queries]
        true = [targets[wanted.offsets[q] : wanted.offsets[q + 1]] for q in queries]
        trails = await funnel.run(contexts, requests, clock.at(int(wanted.times[start])))
        found.append(batch_of(funnel, trails, true))
        progress(queries.stop / len(wanted))
    return found


def _request(log: Log, wanted: Wanted, q: int) -> RequestContext:
    attributes = log.attributes(int(wanted.users[q]), int(wanted.ends[q]))
    return RequestContext(now=int(wanted.times[q]), attributes=attributes)


def _of_release(log: Log, funnel: Funnel) -> Log:
    """The log with the rows of the release; events with items it does not have are left out."""
    rows = funnel.catalog.rows_of(log.keys)[log.rows]
    known = rows >= 0
    return replace(
        log,
        offsets=np.append(0, np.cumsum(known))[log.offsets],
        rows=rows[known].astype(np.int64),
        events=log.events[known],
        times=log.times[known],
        values=log.values[known],
        happened_in=log.happened_in[known],
        keys=np.asarray(funnel.catalog.keys),
    )


def _scores(every: Batch) -> dict[str, float]:
    """What the ranker's probabilities of interaction are worth among its own candidates."""
    if not every.labels.any():
        return {}
    probabilities = every.probabilities.astype(np.float64)
    lengths = every.lengths[-2]  # of rank
    queries = np.repeat(np.arange(len(lengths)), lengths)
    return {
        "auc": auc(every.labels, probabilities),
        "gauc": gauc(every.labels, probabilities, queries),
        "pr_auc": pr_auc(every.labels, probabilities),
        "best f1": best_f1(every.labels, probabilities),
        "logloss": logloss(every.labels, probabilities),
        "ece": _calibration(every).error,
    }


def _calibration(every: Batch) -> Reliability:
    return by_quantile(every.labels, every.probabilities.astype(np.float64))


def _counts(log: Log, wanted: Wanted, funnel: Funnel) -> I64:
    """Users who had each item of the release before what was held out, int64 [n]."""
    ends = log.sizes.copy()
    ends[wanted.users] = wanted.ends
    known = _of_release(log.first(ends), funnel)
    return np.bincount(known.rows[known.new], minlength=known.item_count)


def _diversity(funnel: Funnel, lists: I32) -> F64:
    """Of item vectors, and of categories: [2, S, Q]."""
    stages, queries, k = lists.shape
    flat = lists.reshape(stages * queries, k)
    tables = (funnel.vectors, funnel.category_vectors)
    return np.stack([ild(flat, table).reshape(stages, queries) for table in tables])
