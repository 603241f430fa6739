"""Swing: two items are close when pairs of people have both and little else in common."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.recall.neighbours import interactions
from models.schema.arrays import slices
from models.training.log import Log
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import best_first


@dataclass(frozen=True, slots=True)
class SwingConfig:
    """How similarity is counted.

    Attributes:
        neighbours: kept an item.
        alpha: smooths the number of items that two users have in common.
        users: most users of an item that are looked at, drawn with the seed.
    """

    neighbours: int = 200
    alpha: float = 1.0
    users: int = 100
    seed: int = 1


def fit(log: Log, config: SwingConfig) -> tuple[I32, F32]:
    """Neighbour tables of all items (Yang et al. 2020).

    s(i, j) = sum over pairs u < v of users that have both of w_u w_v / (alpha + |I_u and I_v|),
    where w_u = 1 / sqrt(|I_u|).

    Returns:
        rows int32 [n, m], best first, -1 pads; scores float32 [n, m], 0 where padded.
    """
    matrix = sparse.csr_matrix(interactions(log), dtype=np.float32)
    takers = sparse.csc_matrix(matrix)
    weights = 1.0 / np.sqrt(np.maximum(matrix.getnnz(axis=1), 1)).astype(np.float32)
    generator = np.random.default_rng(config.seed)
    size = min(config.neighbours, log.item_count)
    rows = np.full((log.item_count, size), -1, np.int32)
    scores = np.zeros((log.item_count, size), np.float32)
    for item in range(log.item_count):
        users = takers.indices[takers.indptr[item] : takers.indptr[item + 1]].astype(np.int64)
        if len(users) > config.users:
            users = np.sort(generator.choice(users, config.users, replace=False))
        columns, values = _similar(matrix, users, weights[users], config.alpha)
        values[columns == item] = 0.0
        best = best_first(values, size)
        best = best[values[best] > 0]
        rows[item, : len(best)] = columns[best]
        scores[item, : len(best)] = values[best]
    return rows, scores


def _similar(matrix: sparse.csr_matrix, users: I64, weights: F32, alpha: float) -> tuple[I64, F32]:
    """Items that two or more of an item's users have, int64 [c], and their similarity to it.

    Args:
        matrix: items of all users, [U, n].
        users: the item's, int64 [k], with their weights, float32 [k].
    """
    places, lengths = slices(matrix.indptr, users)
    items = matrix.indices[places]
    columns: I64 = np.flatnonzero(np.bincount(items, minlength=matrix.shape[1]) > 1)
    column_of = np.full(matrix.shape[1], -1)
    column_of[columns] = np.arange(len(columns))
    shared = column_of[items] >= 0
    dense = np.zeros((len(users), len(columns)), np.float32)
    dense[np.repeat(np.arange(len(users)), lengths)[shared], column_of[items[shared]]] = 1.0
    pairs = np.outer(weights, weights) / (alpha + dense @ dense.T)
    np.fill_diagonal(pairs, 0.0)
    values = (dense * (pairs @ dense)).sum(axis=0) / 2
    return columns, values.astype(np.float32)
