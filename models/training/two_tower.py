"""Training of the two-tower model: in-batch sampled softmax over all positions of sequences."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.recall.two_tower import TwoTower
from models.schema.features import FeatureSchema
from models.schema.history import gap_bucket, length_bucket
from models.training.log import Log
from models.training.split import BARE
from services.domain.arrays import I64

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class TowerTraining:
    """How the two-tower model is trained.

    Attributes:
        epochs: at most; a long log gets fewer, down to 1, so that they take about max_steps.
        batch: sequences a step.
        window: events a sequence.
    """

    epochs: int = 12
    max_steps: int = 2500
    batch: int = 16
    window: int = 100
    learning_rate: float = 3e-3
    temperature: float = 0.07
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences in time order: rows, events, gaps between query and event, fields, targets."""

    rows: Tensor  # int64 [S, T], -1 pads
    events: Tensor  # int64 [S, T]
    gaps: Tensor  # int64 [S, T, T], by query and event
    fields: Tensor  # int64 [S, T, F]
    targets: Tensor  # int64 [S, T], -1 where there is none


def train(
    model: TwoTower, log: Log, schema: FeatureSchema, config: TowerTraining, progress: Progress
) -> None:
    """Trains in place; the same model, log and config give the same weights.

    Each item a user has is predicted where it is new, from the events before it; the first from
    the user's fields alone. Repeats are history, never an answer: serving does not recall what the
    user had. Negatives are the items of the batch; their logits are corrected by the logarithm of
    the probability of being in it (logQ: Yi et al. 2019).
    """
    generator = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    answers = log.rows[log.new]
    frequency = np.bincount(answers, minlength=log.item_count) / max(len(answers), 1)
    log_frequency = torch.from_numpy(np.log(frequency.clip(1e-9))).float()
    sampler = _Sampler(log, schema, model.shape.length, config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    epochs = max(1, min(config.epochs, config.max_steps // max(sampler.batches, 1)))
    steps = max(1, epochs * sampler.batches)
    step = 0
    for _ in range(epochs):
        for batch in sampler.epoch(generator):
            _set_rate(optimizer, config.learning_rate, step / steps)
            model.train()
            loss = _loss(model, batch, log_frequency, config.temperature)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
            progress(min(step / steps, 1.0))
    model.eval()


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, done: float) -> None:
    """Warms up over the first tenth, then falls along a cosine."""
    rate = done / 0.1 if done < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (min(done, 1) - 0.1) / 0.9)
    for group in optimizer.param_groups:
        group["lr"] = peak * max(rate, 0.02)


def _loss(model: TwoTower, batch: Batch, log_frequency: Tensor, temperature: float) -> Tensor:
    table = model.items()
    known = batch.targets >= 0
    queries = _queries(model, table, batch)[known]
    targets = batch.targets[known]
    sampled, positive = torch.unique(targets, return_inverse=True)
    logits = queries @ F.normalize(table[sampled], dim=-1).T / temperature
    inclusion = -torch.expm1(-len(targets) * log_frequency[sampled].exp())
    return F.cross_entropy(logits - inclusion.clamp_min(1e-9).log(), positive)


def _queries(model: TwoTower, table: Tensor, batch: Batch) -> Tensor:
    """Vectors before each target; [S, T, d]."""
    users = model.users
    mask = (batch.rows >= 0).float()[..., None]
    x = (table[batch.rows.clamp_min(0)] + users.events(batch.events)) * mask
    places = torch.arange(batch.rows.shape[1])
    distance = places[:, None] - places[None, :]
    allowed = (distance >= 0) & (distance < model.shape.length)
    allowed = allowed & (batch.rows >= 0)[:, None, :]
    bias = users.bias.position[distance.clamp(0, model.shape.length - 1)]
    bias = bias + users.bias.gap[batch.gaps] + users.bias.event[batch.events][:, None]
    return users.at_all_positions(x, bias, allowed, batch.fields)


class _Sampler:
    """Cuts the sequences of all users into windows, at other places each epoch."""

    def __init__(self, log: Log, schema: FeatureSchema, length: int, config: TowerTraining) -> None:
        self._log = log
        self._config = config
        self._length = length
        profiles = schema.encode_profiles(log.profiles)
        self._profiles = profiles
        self._circumstances = schema.encode_contexts(log.circumstances)
        windows = np.ceil((log.sizes + 1) / config.window).sum() if len(log.rows) else 0
        self.batches = int(np.ceil(windows / config.batch))

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        windows = [w for u in range(self._log.user_count) for w in self._windows(u, generator)]
        order = generator.permutation(len(windows))
        for start in range(0, len(order), self._config.batch):
            yield self._batch([windows[i] for i in order[start : start + self._config.batch]])

    def _windows(self, user: int, generator: np.random.Generator) -> list[tuple[int, int, int]]:
        """(user, begin, end) of the queries of each window: query p predicts event p.

        A window without a new item has nothing to learn from.
        """
        size = int(self._log.sizes[user])
        if not size:
            return []
        cut = int(generator.integers(self._config.window)) + 1
        edges = [0, *range(cut, size, self._config.window), size]
        start = self._log.offsets[user]
        return [
            (user, a, b) for a, b in pairwise(edges) if self._log.new[start + a : start + b].any()
        ]

    def _batch(self, windows: list[tuple[int, int, int]]) -> Batch:
        """Query p of a window stands after event p - 1: an empty place before event 0."""
        log = self._log
        width = max(end - begin for _, begin, end in windows)
        users = np.array([user for user, _, _ in windows])
        at = np.array([begin for _, begin, _ in windows])[:, None] + np.arange(width) - 1
        ends = np.array([end for _, _, end in windows])[:, None]
        flat = log.offsets[users][:, None] + at
        inside = (at >= 0) & (at < ends)
        target = at + 1 < ends
        following = np.where(target, flat + 1, 0)
        target &= log.new[following]
        safe = np.where(inside, flat, 0)
        times = log.times[safe].astype(np.int64)
        lengths = length_bucket(np.minimum(inside.cumsum(axis=1), self._length))
        profiles = np.broadcast_to(
            self._profiles[users][:, None], (len(users), width, self._profiles.shape[1])
        )
        circumstances = self._circumstances[log.happened_in[following]]
        bare = (np.arange(len(users)) % BARE == 0)[:, None, None]
        fields = np.concatenate([profiles, np.where(bare, 0, circumstances)], axis=2)
        return Batch(
            _tensor(np.where(inside, log.rows[safe], -1)),
            _tensor(np.where(inside, log.events[safe], 0)),
            _tensor(gap_bucket(times[:, :, None] - times[:, None, :])),
            _tensor(np.concatenate([lengths[..., None], fields], axis=2)),
            _tensor(np.where(target, log.rows[following], -1)),
        )


def _tensor(array: I64) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
