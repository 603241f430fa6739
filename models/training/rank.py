"""Training of the ranker on lists whose answer is known; stops early by validation events."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.lists import NOWHERE, in_lists
from models.rank.din import Din, RankItems
from models.schema.rank import rank_features, slots
from models.training.calibration import platt
from models.training.lessons import Encoded, Items, Lessons
from models.training.position_bias import PositionBias
from models.training.rows import Rows, rows_of, sample
from models.training.two_tower import Progress
from services.domain.arrays import F32, I64


@dataclass(frozen=True, slots=True)
class RankTraining:
    """How the ranker is trained.

    Attributes:
        batch: lists a step.
        width: candidates a list.
        liking: weight of the second task's loss.
    """

    epochs: int = 3
    batch: int = 32
    width: int = 64
    learning_rate: float = 1e-3
    liking: float = 0.3
    seed: int = 1


@dataclass(frozen=True)
class Ranker:
    """The graph, what makes its items of recall's, and what training alone knows of places."""

    din: Din
    items: RankItems
    bias: PositionBias = field(default_factory=PositionBias)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """What is trained."""
        return self.din, self.items, self.bias

    @torch.no_grad()
    def table(self, table: F32, spectral: F32, statics: F32) -> F32:
        """Items as the ranker reads them, float32 [n, e + k + s].

        Args:
            table: recall's items [n, d], spectral: [n, k], statics: [n, s].
        """
        learnt = self.items(torch.from_numpy(table)).numpy()
        return np.concatenate([learnt, spectral, statics], axis=1).astype(np.float32)


def train(
    ranker: Ranker,
    items: Items,
    lessons: Sequence[Lessons],
    validation: Lessons,
    config: RankTraining,
    progress: Progress,
) -> None:
    """Trains in place and keeps the epoch with the lowest validation loss.

    The loss decides, not NDCG: of a thousand lists it says far more. The weights before the first
    epoch, those of prerank, may win too.

    The ranker's bias takes up what places do in lists that were shown, in training and validation
    alike; the ranker is used without it.
    """
    torch.manual_seed(config.seed)
    course = _Course(ranker, items, config)
    _standardise(ranker.din, items, lessons)
    batches = [-(-len(one.labelled.usable) // config.batch) for one in lessons]
    if not sum(batches):
        return
    best = (loss_of(ranker, items, validation, ranker.bias), copy.deepcopy(ranker))
    for epoch in range(config.epochs):
        course.epoch(lessons, config.epochs * sum(batches))
        loss = loss_of(ranker, items, validation, ranker.bias)
        if loss < best[0]:
            best = (loss, copy.deepcopy(ranker))
        progress((epoch + 1) / config.epochs)
    for part, weights in zip(ranker.parts, best[1].parts, strict=True):
        part.load_state_dict(weights.state_dict())
    ranker.din.eval()
    _calibrate(ranker, items, validation)


STANDARDISED = 1000  # lists are enough to know how affinities are spread


def _standardise(din: Din, items: Items, lessons: Sequence[Lessons]) -> None:
    """Affinities as they are in the lists to learn from."""
    found = []
    for one in lessons:
        history, labelled = one.encoded.history, one.labelled
        for query, candidates in zip(
            labelled.queries[:STANDARDISED], labelled.candidates[:STANDARDISED], strict=True
        ):
            taken = history.rows[query][history.mask[query] > 0]
            profile = items.spectral[taken].sum(axis=0)
            found.append(items.spectral[candidates.rows] @ profile)
    if found:
        din.affinity.fit(torch.from_numpy(np.concatenate(found))[:, None])


class _Course:
    """One training: a ranker, what it reads, and how its weights move."""

    def __init__(self, ranker: Ranker, items: Items, config: RankTraining) -> None:
        self._ranker = ranker
        self._items = items
        self._config = config
        self._generator = np.random.default_rng(config.seed)
        parameters = [weight for part in ranker.parts for weight in part.parameters()]
        rate = config.learning_rate
        self._optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
        self._step = 0

    def epoch(self, lessons: Sequence[Lessons], steps: int) -> None:
        """Once through all lists, drawn together; `steps` of all epochs set the learning rate."""
        self._ranker.din.train()
        config = self._config
        plan = [
            (one, at[start : start + config.batch])
            for one in lessons
            for at in [self._generator.permutation(one.labelled.usable)]
            for start in range(0, len(at), config.batch)
        ]
        for i in self._generator.permutation(len(plan)):
            for group in self._optimizer.param_groups:
                group["lr"] = config.learning_rate * max(1.0 - self._step / steps, 0.01)
            loss = self._loss(*plan[i])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._step += 1

    def _sample(self, lessons: Lessons, at: I64) -> Rows:
        features = _Features(lessons, self._items)
        return sample(lessons.labelled, at, self._config.width, features, self._generator)

    def _loss(self, lessons: Lessons, at: I64) -> Tensor:
        """Interact over the whole list, like on its answer alone."""
        rows = self._sample(lessons, at)
        logits = _logits(self._ranker, self._items, rows, lessons.encoded)
        interact = in_lists(logits[:, 0] + self._ranker.bias(rows.positions), rows.sizes)
        first = torch.from_numpy(np.cumsum(rows.sizes) - rows.sizes)
        listwise = F.cross_entropy(interact, torch.zeros(len(rows), dtype=torch.int64))
        liked = torch.from_numpy(lessons.encoded.liked[rows.queries]).float()
        liking = F.binary_cross_entropy_with_logits(logits[first, 1], liked)
        return listwise + self._config.liking * liking


@dataclass(frozen=True)
class _Features:
    """What the ranker reads of recall, of one list of `lessons` at a time."""

    lessons: Lessons
    items: Items

    def __call__(self, i: int) -> F32:
        labelled = self.lessons.labelled
        candidates = labelled.candidates[i]
        user = self.lessons.encoded.vectors[labelled.queries[i]][None]
        channels = candidates.recall_scores.shape[1]
        return rank_features(user, self.items.vectors[candidates.rows], [candidates], channels)


VALIDATED = 64  # lists at once


def loss_of(
    ranker: Ranker, items: Items, lessons: Lessons, bias: PositionBias | None = None
) -> float:
    """Mean cross-entropy of the answers over their whole lists; `bias` is that of their places."""
    losses = [
        F.cross_entropy(scores, torch.from_numpy(answers), reduction="none")
        for answers, scores in _scored(ranker, items, lessons, bias)
    ]
    return float(torch.cat(losses).mean()) if losses else 0.0


def _calibrate(ranker: Ranker, items: Items, lessons: Lessons) -> None:
    """Makes probabilities of the scores: that an item of a list that holds the answer is it."""
    scores, labels = [torch.empty(0)], [torch.empty(0)]
    for answers, grid in _scored(ranker, items, lessons):
        wanted = F.one_hot(torch.from_numpy(answers), grid.shape[1])
        there = grid > NOWHERE / 2
        scores.append(grid[there])
        labels.append(wanted[there].float())
    if len(scores) > 1:
        ranker.din.calibrate(*platt(torch.cat(scores), torch.cat(labels)))


@torch.no_grad()
def _scored(
    ranker: Ranker, items: Items, lessons: Lessons, bias: PositionBias | None = None
) -> Iterator[tuple[I64, Tensor]]:
    """Lists of the lessons, some at a time: log-odds to interact with what is judged of each.

    Before them the place of each list's answer among these, int64 [some].
    """
    ranker.din.eval()
    labelled = lessons.labelled
    features = _Features(lessons, items)
    for start in range(0, len(labelled), VALIDATED):
        at = np.arange(start, min(start + VALIDATED, len(labelled)))
        places = [labelled.judged(int(i)) for i in at]
        pairs = zip(places, labelled.answers[at], strict=True)
        answers = np.array([np.searchsorted(of, answer) for of, answer in pairs], np.int64)
        rows = rows_of(labelled, at, places, features)
        logits = _logits(ranker, items, rows, lessons.encoded)[:, 0]
        if bias is not None:
            logits = logits + bias(rows.positions)
        yield answers, in_lists(logits, rows.sizes)


def _logits(ranker: Ranker, items: Items, rows: Rows, encoded: Encoded) -> Tensor:
    """Log-odds by task of all candidates of the rows, [N, T]."""
    learnt = ranker.items(torch.from_numpy(items.table))
    fixed = np.concatenate([items.spectral, items.statics], axis=1)
    table = torch.cat([learnt, torch.from_numpy(fixed)], dim=1)
    history = encoded.history
    at = rows.queries
    mask = torch.from_numpy(history.mask[at])
    gathered = table[torch.from_numpy(history.rows[at].clip(0))] * mask[..., None]
    user = (history.events[at], history.gaps[at], encoded.fields[at])
    item = (rows.owners, rows.features, *slots(rows.sizes.tolist()))
    inputs = [torch.from_numpy(array) for array in (*user, *item)]
    events, gaps, fields, owners, features, grid, slot_of = inputs
    targets = table[torch.from_numpy(rows.items)]
    return ranker.din.logits(
        gathered, mask, events, gaps, fields, targets, owners, features, grid, slot_of
    )
