"""Training of prerank and rank on the later slice."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from models.data.impressions import Impressions
from models.prerank.light import LightScorer
from models.rank.din import Din, RankItems, RankShape
from models.schema.rank import TASKS
from models.schema.recall_features import feature_count
from models.schema.user_tower import UserEncoder
from models.training import exposed, logged
from models.training import prerank as prerank_training
from models.training import rank as rank_training
from models.training import recall as recall_training
from models.training.candidates import Lists, recall
from models.training.lessons import Encoded, Items, Lessons
from models.training.log import Log
from models.training.logged import NO_IMPRESSIONS
from models.training.rank import Ranker
from models.training.recall import Recall
from models.training.rows import Labelled, cut, label
from models.training.settings import Settings
from models.training.source import Source
from models.training.split import BARE, Queries, Split, queries, slice_queries
from services.domain.context import RequestContext


@dataclass(frozen=True)
class Scorers:
    """The models after recall."""

    prerank: LightScorer
    ranker: Ranker


@dataclass(frozen=True)
class Slice:
    """Queries with what recall finds for them, and the lists that hold their answer."""

    queries: Queries
    lists: Lists
    labelled: Labelled


def train(
    source: Source,
    early: Recall,
    folder: Path,
    split: Split,
    impressions: Impressions = NO_IMPRESSIONS,
) -> Scorers:
    """Trains both on lists of the early recall; see docs/adr/0003-rows-of-the-ranker.md.

    Args:
        folder: recall's part of a release, of the early recall.
        impressions: lists that were served, which the ranker learns from as well.
    """
    settings, log = source.settings, source.log
    users = UserEncoder.open(folder)
    later = _slice(source, folder, split, _thinned(slice_queries(log, split), settings), "later")
    held_out = queries(log, split.held_out, split.slice_end[split.held_out])
    validation = _slice(source, folder, split, held_out, "validation")
    progress = source.report("prerank")
    epochs, seed = settings.scaled(settings.prerank_epochs), settings.seed
    light, bias = prerank_training.train(later.labelled, later.lists, early, epochs, seed, progress)
    progress = source.report("rank")
    ranker = replace(_ranker(source, early, light), bias=bias)
    limit = 0 if source.exposures else settings.prerank_limit
    lessons = [Lessons(_after(light, later, early, limit), _encoded(log, later, users))]
    if len(impressions):
        lessons.append(logged.lessons(impressions, folder))
    held = _after(light, validation, early, limit)
    rank_training.train(
        ranker,
        Items(early.table, early.spectral, early.vectors, early.statics),
        lessons,
        Lessons(held, _encoded(log, validation, users)),
        replace(settings.rank, epochs=settings.scaled(settings.rank.epochs), seed=seed),
        progress,
    )
    return Scorers(light, ranker)


def _slice(source: Source, folder: Path, split: Split, wanted: Queries, name: str) -> Slice:
    progress = source.report(f"candidates: {name} events")
    if source.exposures is None:
        lists = recall(folder, source.log, wanted, progress)
        return Slice(wanted, lists, label(source.log, wanted, lists.candidates, split.slice_end))
    shown = exposed.shown_with(source.log, wanted, source.exposures)
    lists = recall(folder, source.log, wanted, progress, shown.rows)
    return Slice(wanted, lists, exposed.label(wanted, lists, shown))


def _thinned(train: Queries, settings: Settings) -> Queries:
    """At most max_queries of the rows, drawn with the seed."""
    if len(train) <= settings.max_queries:
        return train
    generator = np.random.default_rng(settings.seed)
    at = np.sort(generator.choice(len(train), settings.max_queries, replace=False))
    return Queries(train.users[at], train.ends[at], train.targets[at], train.liked[at])


def _ranker(source: Source, early: Recall, light: LightScorer) -> Ranker:
    """A ranker that begins as prerank, its items as recall's in fewer dimensions."""
    settings = source.settings
    torch.manual_seed(settings.seed)
    shape = RankShape(
        field_sizes=recall_training.field_sizes(source.schema),
        recall_size=1 + feature_count(len(source.channels)),
        spectral_size=early.spectral.shape[1],
        static_size=early.statics.shape[1],
        e=settings.rank_e,
    )
    din = Din(shape, len(TASKS))
    din.start_from(light)
    return Ranker(din, RankItems.along_axes(torch.from_numpy(early.table), shape.e))


def _after(light: LightScorer, of: Slice, models: Recall, limit: int) -> Labelled:
    """The lists as they leave prerank; 0: as they are, for those that were shown."""
    if not limit:
        return of.labelled
    scores = [
        prerank_training.score(light, candidates, of.lists.vectors[query], models)
        for query, candidates in zip(of.labelled.queries, of.labelled.candidates, strict=True)
    ]
    return cut(of.labelled, scores, limit)


def _encoded(log: Log, of: Slice, users: UserEncoder) -> Encoded:
    wanted = of.queries
    pairs = list(zip(wanted.users.tolist(), wanted.ends.tolist(), strict=True))
    contexts = [log.context(user, end) for user, end in pairs]
    requests = [
        RequestContext(now=0, attributes=log.attributes(*pair) if i % BARE else {})
        for i, pair in enumerate(pairs)
    ]
    history, fields = users.encode(contexts, requests)
    return Encoded(history, fields, of.lists.vectors, wanted.liked)
