"""Training of prerank and rank on the later slice."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from models.prerank.light import LightScorer
from models.rank.din import Din, RankItems, RankShape
from models.schema.rank import TASKS
from models.schema.user_tower import UserEncoder
from models.training import prerank as prerank_training
from models.training import rank as rank_training
from models.training import recall as recall_training
from models.training.candidates import CHANNELS, Lists, Recall, recall
from models.training.log import Log
from models.training.rank import Encoded, Ranker
from models.training.rows import Labelled, cut, label
from models.training.settings import Settings
from models.training.source import Source
from models.training.split import Queries, Split, queries, slice_queries
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


def train(source: Source, early: Recall, split: Split, users: UserEncoder) -> Scorers:
    """Trains both on lists of the early recall; see docs/adr/0003-rows-of-the-ranker.md."""
    settings, log = source.settings, source.log
    progress = source.report("candidates of the later slice")
    later = _slice(source, early, split, users, _thinned(slice_queries(log, split), settings))
    progress(0.8)
    held_out = queries(log, split.held_out, split.slice_end[split.held_out])
    validation = _slice(source, early, split, users, held_out)
    progress(1.0)
    progress = source.report("prerank")
    epochs, seed = settings.scaled(settings.prerank_epochs), settings.seed
    light = prerank_training.train(later.labelled, later.lists, early, epochs, seed, progress)
    progress = source.report("rank")
    ranker = _ranker(source, early)
    rank_training.train(
        ranker,
        _after(light, later, early, settings.prerank_limit),
        _encoded(log, later.queries, users),
        (
            _after(light, validation, early, settings.prerank_limit),
            _encoded(log, validation.queries, users),
        ),
        replace(settings.rank, epochs=settings.scaled(settings.rank.epochs), seed=seed),
        progress,
    )
    return Scorers(light, ranker)


def _slice(
    source: Source, models: Recall, split: Split, users: UserEncoder, wanted: Queries
) -> Slice:
    lists = recall(models, source.log, wanted, users, source.settings.parameters())
    return Slice(wanted, lists, label(source.log, wanted, lists.candidates, split.slice_end))


def _thinned(train: Queries, settings: Settings) -> Queries:
    """At most max_queries of the rows, drawn with the seed."""
    if len(train) <= settings.max_queries:
        return train
    generator = np.random.default_rng(settings.seed)
    at = np.sort(generator.choice(len(train), settings.max_queries, replace=False))
    return Queries(train.users[at], train.ends[at], train.targets[at], train.liked[at])


def _ranker(source: Source, early: Recall) -> Ranker:
    """A ranker whose items start as the recall's, projected to fewer dimensions."""
    settings = source.settings
    torch.manual_seed(settings.seed)
    shape = RankShape(
        field_sizes=recall_training.field_sizes(source.schema),
        recall_size=3 * len(CHANNELS),
        static_size=early.statics.shape[1],
        e=settings.rank_e,
    )
    items = RankItems(early.tower.items.content, torch.from_numpy(early.statics), shape.e)
    with torch.no_grad():
        table = early.tower.item_table()
        axes = torch.linalg.eigh(table.T @ table).eigenvectors.T.flip(0)[: shape.e]
        scale = 1.0 / table.norm(dim=1).mean().clamp_min(1e-6)
        items.tower.ids.weight.copy_(early.tower.items.ids.weight @ axes.T * scale)
        items.tower.project.weight.copy_(axes @ early.tower.items.project.weight * scale)
        items.tower.project.bias.copy_(axes @ early.tower.items.project.bias * scale)
    return Ranker(Din(shape, len(TASKS)), items)


def _after(light: LightScorer, of: Slice, models: Recall, limit: int) -> Labelled:
    """The lists as they leave prerank."""
    scores = [
        prerank_training.score(light, candidates, of.lists.vectors[query], models)
        for query, candidates in zip(of.labelled.queries, of.labelled.candidates, strict=True)
    ]
    return cut(of.labelled, scores, limit)


def _encoded(log: Log, wanted: Queries, users: UserEncoder) -> Encoded:
    pairs = zip(wanted.users, wanted.ends, strict=True)
    contexts = [log.context(int(user), int(end)) for user, end in pairs]
    history, fields = users.encode(contexts, [RequestContext(now=0)] * len(contexts))
    return Encoded(history, fields, wanted.liked)
