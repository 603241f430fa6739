"""Training of the prerank model: the answer against sampled candidates of the same list."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.prerank.light import LightScorer
from models.schema.recall_features import recall_features
from models.training.candidates import CHANNELS, Lists, Recall
from models.training.rows import Labelled, Rows, sample
from models.training.two_tower import Progress
from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates

BATCH = 256
WIDTH = 100


def train(
    labelled: Labelled, lists: Lists, models: Recall, epochs: int, seed: int, progress: Progress
) -> LightScorer:
    """Softmax cross-entropy over lists of WIDTH; seeded."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    rows = sample(labelled, WIDTH, generator)
    model = LightScorer(rows.recall.shape[2], models.statics.shape[1])
    if not len(rows):
        return model.eval()
    with torch.no_grad():
        model.standardise.fit(model.features(*_inputs(rows, np.arange(len(rows)), lists, models)))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        order = generator.permutation(len(rows))
        for start in range(0, len(order), BATCH):
            at = order[start : start + BATCH]
            scores = model(*_inputs(rows, at, lists, models)).reshape(len(at), WIDTH)
            loss = F.cross_entropy(scores, torch.zeros(len(at), dtype=torch.int64))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        progress((epoch + 1) / epochs)
    return model.eval()


@torch.no_grad()
def score(model: LightScorer, candidates: Candidates, user: F32, models: Recall) -> F32:
    """Scores of one list, float32 [n]."""
    scores = model(
        torch.from_numpy(user[None]),
        torch.zeros(len(candidates), dtype=torch.int64),
        torch.from_numpy(models.vectors[candidates.rows]),
        torch.from_numpy(models.statics[candidates.rows]),
        torch.from_numpy(recall_features([candidates], len(CHANNELS))),
    )
    return np.asarray(scores.numpy(), np.float32)


def _inputs(rows: Rows, at: I64, lists: Lists, models: Recall) -> tuple[Tensor, ...]:
    items = rows.items[at].ravel()
    return (
        torch.from_numpy(lists.vectors[rows.queries[at]]),
        torch.arange(len(at)).repeat_interleave(rows.items.shape[1]),
        torch.from_numpy(models.vectors[items]),
        torch.from_numpy(models.statics[items]),
        torch.from_numpy(rows.recall[at].reshape(len(items), -1)),
    )
