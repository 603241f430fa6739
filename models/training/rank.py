"""Training of the ranker on the later slice, with early stopping on the validation events."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.rank.din import Din, RankItems
from models.schema.history import EncodedHistory
from models.schema.rank import slots
from models.schema.recall_features import recall_features
from models.training.candidates import CHANNELS
from models.training.rows import Labelled, Rows, sample
from models.training.two_tower import Progress
from services.domain.arrays import F32, I64, Bools


@dataclass(frozen=True, slots=True)
class RankTraining:
    """How the ranker is trained."""

    epochs: int = 2
    batch: int = 32  # lists
    width: int = 64  # candidates a list
    learning_rate: float = 1e-3
    pointwise: float = 0.2  # weight of the binary loss beside the listwise one
    seed: int = 1


@dataclass(frozen=True)
class Encoded:
    """The user side of queries, encoded once: by query."""

    history: EncodedHistory
    fields: I64
    liked: Bools


@dataclass(frozen=True)
class Ranker:
    """The graph and its item table."""

    din: Din
    items: RankItems

    @torch.no_grad()
    def table(self, statics: F32) -> F32:
        """Items as the ranker reads them, with fresh statics [n, s]: float32 [n, e + s]."""
        learnt = self.items.eval().tower().numpy()
        return np.concatenate([learnt, statics], axis=1).astype(np.float32)


def train(
    ranker: Ranker,
    labelled: Labelled,
    encoded: Encoded,
    validation: tuple[Labelled, Encoded],
    config: RankTraining,
    progress: Progress,
) -> float:
    """Trains in place and keeps the epoch with the best validation NDCG@10, which it returns."""
    torch.manual_seed(config.seed)
    generator = np.random.default_rng(config.seed)
    first = sample(labelled, config.width, generator)
    if not len(first):
        return 0.0
    with torch.no_grad():
        statics = ranker.items.statics[torch.from_numpy(first.items)]
        numbers = torch.cat([torch.from_numpy(first.recall), statics], dim=2)
        ranker.din.standardise.fit(numbers.flatten(0, 1))
    parameters = [*ranker.din.parameters(), *ranker.items.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=1e-2)
    best = (-1.0, copy.deepcopy(ranker))
    for epoch in range(config.epochs):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * (1.0 - epoch / config.epochs)
        rows = sample(labelled, config.width, generator) if epoch else first
        _epoch(ranker, rows, encoded, optimizer, config, generator)
        ndcg = validate(ranker, *validation)
        if ndcg > best[0]:
            best = (ndcg, copy.deepcopy(ranker))
        progress((epoch + 1) / config.epochs)
    ranker.din.load_state_dict(best[1].din.state_dict())
    ranker.items.load_state_dict(best[1].items.state_dict())
    ranker.din.eval()
    return best[0]


def _epoch(
    ranker: Ranker,
    rows: Rows,
    encoded: Encoded,
    optimizer: torch.optim.Optimizer,
    config: RankTraining,
    generator: np.random.Generator,
) -> None:
    ranker.din.train()
    ranker.items.train()
    order = generator.permutation(len(rows))
    for start in range(0, len(order), config.batch):
        at = order[start : start + config.batch]
        logits = ranker.din.logits(*_inputs(ranker, rows, at, encoded))
        loss = _loss(
            logits.reshape(len(at), rows.items.shape[1], -1),
            encoded.liked[rows.queries[at]],
            config,
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _loss(logits: Tensor, liked: Bools, config: RankTraining) -> Tensor:
    """logits [S, W, T] with the answer first: interact over all, like on the answers alone."""
    interact, like = logits[:, :, 0], logits[:, 0, 1]
    labels = torch.zeros_like(interact)
    labels[:, 0] = 1.0
    listwise = F.cross_entropy(interact, torch.zeros(len(interact), dtype=torch.int64))
    pointwise = F.binary_cross_entropy_with_logits(interact, labels) * interact.shape[1]
    liking = F.binary_cross_entropy_with_logits(like, torch.from_numpy(liked).float())
    return listwise + config.pointwise * pointwise + 0.3 * liking


@torch.no_grad()
def validate(ranker: Ranker, labelled: Labelled, encoded: Encoded) -> float:
    """Mean NDCG@10 over the queries of `encoded`; a list without its answer counts as 0."""
    ranker.din.eval()
    ranker.items.eval()
    table = ranker.items()
    total = 0.0
    for i in range(len(labelled)):
        one = labelled.candidates[i]
        logits = ranker.din.logits(*_query(table, labelled, i, encoded))[:, 0].numpy()
        place = int((logits > logits[labelled.answers[i]]).sum())
        total += 1 / np.log2(place + 2) if place < 10 and len(one) else 0.0
    return total / max(len(encoded.fields), 1)


def _query(table: Tensor, labelled: Labelled, i: int, encoded: Encoded) -> tuple[Tensor, ...]:
    one = labelled.candidates[i]
    grid, slot_of = slots([len(one)])
    user = _user(table, labelled.queries[i : i + 1], encoded)
    item = (
        table[torch.from_numpy(one.rows.astype(np.int64))],
        torch.zeros(len(one), dtype=torch.int64),
        torch.from_numpy(recall_features([one], len(CHANNELS))),
    )
    return (*user, *item, torch.from_numpy(grid), torch.from_numpy(slot_of))


def _inputs(ranker: Ranker, rows: Rows, at: I64, encoded: Encoded) -> tuple[Tensor, ...]:
    table = ranker.items()
    size, width = len(at), rows.items.shape[1]
    item = (
        table[torch.from_numpy(rows.items[at].ravel())],
        torch.arange(size).repeat_interleave(width),
        torch.from_numpy(rows.recall[at].reshape(size * width, -1)),
        torch.arange(size * width).reshape(size, width),
        torch.arange(size * width),
    )
    return (*_user(table, rows.queries[at], encoded), *item)


def _user(table: Tensor, at: I64, encoded: Encoded) -> tuple[Tensor, ...]:
    history = encoded.history
    mask = torch.from_numpy(history.mask[at])
    gathered = table[torch.from_numpy(history.rows[at].clip(0))] * mask[..., None]
    numbers = (history.events[at], history.gaps[at], encoded.fields[at])
    return (gathered, mask, *(torch.from_numpy(a) for a in numbers))
