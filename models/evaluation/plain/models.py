"""Plain models by name: fitted on a matrix of interactions, they score every item for a user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from models.evaluation import EvaluationError
from models.evaluation.metrics.found import F64
from models.evaluation.plain.ranking import Scores
from models.recall import ease as ease_weights
from models.recall import item_knn as item_knn_weights
from services.domain.arrays import I64


@dataclass(frozen=True, slots=True)
class Hyper:
    """Parameters of the plain models.

    Attributes:
        l2: of EASE.
        neighbours: most neighbours an item or a user has; 0: all.
        shrink: of item_knn.
    """

    l2: float = 200.0
    neighbours: int = 100
    shrink: float = 0.0


def popular(train: csr_matrix, _hyper: Hyper) -> Scores:
    """Users who had the item, the same for everyone."""
    counts = np.asarray(train.sum(axis=0)).ravel()
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def item_knn(train: csr_matrix, hyper: Hyper) -> Scores:
    """Sum of the similarities of an item to those of the user; see models/recall/item_knn.py."""
    weights = item_knn_weights.weights(train, hyper.neighbours, hyper.shrink)
    return lambda users: np.asarray((train[users] @ weights).toarray())


def user_cf(train: csr_matrix, hyper: Hyper) -> Scores:
    """Sum of the similarities of the nearest users who had the item; the cosine of their items.

    Herlocker et al., An algorithmic framework for performing collaborative filtering, SIGIR 1999.
    """
    lengths = np.sqrt(np.asarray(train.sum(axis=1)).ravel())
    unit = csr_matrix(train.multiply(1.0 / np.maximum(lengths, 1.0)[:, None]))
    k = hyper.neighbours or train.shape[0]

    def scores(users: I64) -> F64:
        likeness = (unit[users] @ unit.T).toarray()
        likeness[np.arange(len(users)), users] = 0.0
        if likeness.shape[1] > k:
            least = -np.partition(-likeness, k - 1, axis=1)[:, k - 1 : k]
            likeness[likeness < least] = 0.0  # users as near as the k-th all count
        return np.asarray((csr_matrix(likeness) @ train).toarray())

    return scores


def ease(train: csr_matrix, hyper: Hyper) -> Scores:
    """Linear model in closed form; see models/recall/ease.py."""
    try:
        weights = ease_weights.weights(train, hyper.l2)
    except ValueError as error:
        raise EvaluationError(str(error)) from None
    return lambda users: np.asarray(train[users] @ weights)


MODELS: Mapping[str, Callable[[csr_matrix, Hyper], Scores]] = {
    "popular": popular,
    "item_knn": item_knn,
    "user_cf": user_cf,
    "ease": ease,
}
