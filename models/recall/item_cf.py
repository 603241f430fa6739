"""itemCF: two items are close when users have them close together in their histories."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.recall.neighbours import top
from models.training.log import Log
from services.domain.arrays import F32, I32


@dataclass(frozen=True, slots=True)
class ItemCfConfig:
    """How similarity is counted.

    Attributes:
        neighbours: neighbours kept an item.
        window: furthest two events of a user may be apart, in positions.
        decay: positions at which a pair weighs half.
        backward: weight of a later item as the reason for an earlier one.
    """

    neighbours: int = 200
    window: int = 50
    decay: float = 3.0
    backward: float = 0.7


LAG_BLOCK = 10  # lags summed at once: bounds memory to LAG_BLOCK entries an event


def fit(log: Log, config: ItemCfConfig) -> tuple[I32, F32]:
    """Neighbour tables of all items.

    Two events of a user at positions p < q add iuf(u) * 1 / (1 + (q - p) / decay) to sim(i_p, i_q)
    and `backward` times as much to sim(i_q, i_p), where iuf(u) = 1 / log(2 + events of u) (Breese
    et al. 1998). The place in the history is the clock: it exists in every data set and
    does not stretch over a user's pauses. Sums are divided by sqrt(count_i * count_j).

    Returns:
        rows int32 [n, m], best first, -1 pads; scores float32 [n, m], 0 where padded.
    """
    n = log.item_count
    iuf = (1.0 / np.log(2.0 + np.maximum(log.sizes, 1))).astype(np.float32)
    total = sparse.csr_matrix((n, n), dtype=np.float64)
    for start in range(1, config.window + 1, LAG_BLOCK):
        lags = range(start, min(start + LAG_BLOCK, config.window + 1))
        total += _pairs(log, iuf, lags, config.decay)
    total = total + config.backward * total.T
    scale = sparse.diags_array(np.bincount(log.rows, minlength=n).clip(1) ** -0.5)
    similar = sparse.csr_matrix(scale @ total @ scale)
    similar.setdiag(0.0)
    similar.eliminate_zeros()
    return top(similar, min(config.neighbours, n))


def _pairs(log: Log, iuf: F32, lags: range, decay: float) -> sparse.csr_matrix:
    """Weights of pairs of events of one user that are `lag` positions apart, earlier → later."""
    first, second, weights = [], [], []
    for lag in lags:
        at = np.flatnonzero(log.positions[lag:] >= lag)
        first.append(log.rows[at])
        second.append(log.rows[at + lag])
        weights.append(iuf[log.users[at]] / (1.0 + lag / decay))
    pairs = (np.concatenate(first), np.concatenate(second))
    n = log.item_count
    return sparse.csr_matrix((np.concatenate(weights), pairs), shape=(n, n))
