"""Training of the prerank model: the answer against sampled candidates of the same list."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.layers.lists import in_lists
from models.prerank.light import LightScorer
from models.schema.recall_features import feature_count, recall_features
from models.training.candidates import Lists
from models.training.position_bias import PositionBias
from models.training.recall import Recall
from models.training.rows import Labelled, Rows, sample
from models.training.two_tower import Progress
from services.domain.arrays import F32
from services.domain.candidates import Candidates

BATCH = 256
WIDTH = 100
BIAS_RATE = 3e-2  # one number a place: it has to keep up with a network


def train(
    labelled: Labelled, lists: Lists, models: Recall, epochs: int, seed: int, progress: Progress
) -> tuple[LightScorer, PositionBias]:
    """Softmax cross-entropy over lists of WIDTH; seeded. Without lists: an untrained model.

    Returns:
        The model, and the bias that took up what places did in lists that were shown.
    """
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    channels = lists.channel_count
    model, bias = LightScorer(feature_count(channels), models.statics.shape[1]), PositionBias()
    at = labelled.usable
    if not len(at):
        return model.eval(), bias
    rows = sample(
        labelled,
        at,
        WIDTH,
        lambda i: recall_features([labelled.candidates[i]], channels),
        generator,
    )
    with torch.no_grad():
        model.standardise.fit(model.features(*_inputs(rows, lists, models)))
    groups: list[dict[str, Any]] = [
        {"params": model.parameters()},
        {"params": bias.parameters(), "lr": BIAS_RATE},
    ]
    optimizer = torch.optim.Adam(groups, lr=3e-3)
    for epoch in range(epochs):
        order = generator.permutation(len(rows))
        for start in range(0, len(order), BATCH):
            batch = rows.take(order[start : start + BATCH])
            logits = model(*_inputs(batch, lists, models)) + bias(batch.positions)
            scores = in_lists(logits, batch.sizes)
            loss = F.cross_entropy(scores, torch.zeros(len(batch), dtype=torch.int64))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        progress((epoch + 1) / epochs)
    return model.eval(), bias


@torch.no_grad()
def score(model: LightScorer, candidates: Candidates, user: F32, models: Recall) -> F32:
    """Scores of one list, float32 [n]."""
    scores = model(
        torch.from_numpy(user[None]),
        torch.zeros(len(candidates), dtype=torch.int64),
        torch.from_numpy(models.vectors[candidates.rows]),
        torch.from_numpy(models.statics[candidates.rows]),
        torch.from_numpy(recall_features([candidates], candidates.recall_scores.shape[1])),
    )
    return np.asarray(scores.numpy(), np.float32)


def _inputs(rows: Rows, lists: Lists, models: Recall) -> tuple[Tensor, ...]:
    return (
        torch.from_numpy(lists.vectors[rows.queries]),
        torch.from_numpy(rows.owners),
        torch.from_numpy(models.vectors[rows.items]),
        torch.from_numpy(models.statics[rows.items]),
        torch.from_numpy(rows.features),
    )
