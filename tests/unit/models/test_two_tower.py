"""What the two-tower model is trained to predict."""

from itertools import chain

import numpy as np

from models.schema.features import FeatureSchema
from models.training.log import Log
from models.training.two_tower import TowerTraining, _Sampler
from tests.unit.models.logs import make_log


def targets(log: Log, window: int) -> list[list[int]]:
    """Those of one epoch, by batch; what is padded or known is left out."""
    config = TowerTraining(window=window, batch=1)
    sampler = _Sampler(log, FeatureSchema(), 50, config)
    batches = sampler.epoch(np.random.default_rng(1))
    return [[t for t in batch.targets.flatten().tolist() if t >= 0] for batch in batches]


def test_every_item_of_a_user_is_predicted_once() -> None:
    log = make_log([[4, 4, 2, 4, 3, 2], [1, 1, 1], [5, 6, 7]], 9)
    found = targets(log, window=100)
    assert sorted(chain(*found)) == [1, 2, 3, 4, 5, 6, 7]


def test_no_batch_is_without_something_to_predict() -> None:
    """Its loss would be the mean of nothing."""
    found = targets(make_log([[1] * 20 + [2] + [1] * 20], 9), window=4)
    assert sorted(found) == [[1], [2]]
