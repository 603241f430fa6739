"""Fitting of the recall models on a log."""

import copy
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import normalize

from models.recall import item_cf, popular
from models.recall.two_tower import TowerShape, TwoTower
from models.schema.features import FeatureSchema
from models.schema.history import LENGTH_SIZE
from models.training import two_tower
from models.training.candidates import Recall
from models.training.log import Log
from models.training.settings import Settings
from models.training.two_tower import Progress
from services.domain.arrays import F32


def field_sizes(schema: FeatureSchema) -> tuple[int, ...]:
    """Number of indices of each field that UserEncoder gives."""
    return (LENGTH_SIZE, *(field.size for field in (*schema.user, *schema.context)))


def fit(
    log: Log, schema: FeatureSchema, content: F32, settings: Settings, progress: Progress
) -> Recall:
    """Fits everything from nothing. `content`: float32 [n, f]."""
    torch.manual_seed(settings.seed)
    shape = TowerShape(field_sizes(schema), settings.d)
    tower = TwoTower(shape, torch.from_numpy(content))
    epochs = settings.scaled(settings.tower.epochs)
    config = replace(settings.tower, epochs=epochs, seed=settings.seed)
    two_tower.train(tower, log, schema, config, progress)
    return _fitted(tower, log, settings)


def refit(
    recall: Recall, log: Log, schema: FeatureSchema, settings: Settings, progress: Progress
) -> Recall:
    """Fits again on a log that goes on: the towers from where they were, the counts anew."""
    tower = copy.deepcopy(recall.tower)
    config = replace(
        settings.tower,
        epochs=settings.scaled(settings.refit_epochs),
        learning_rate=settings.tower.learning_rate * settings.refit_rate,
        seed=settings.seed + 1,
    )
    two_tower.train(tower, log, schema, config, progress)
    return _fitted(tower, log, settings)


def _fitted(tower: TwoTower, log: Log, settings: Settings) -> Recall:
    table = tower.item_table()
    return Recall(
        tower=tower.eval(),
        table=np.asarray(table.numpy(), np.float32),
        vectors=np.asarray(normalize(table, dim=-1).numpy(), np.float32),
        item_cf=item_cf.fit(log, settings.item_cf),
        popularity=popular.scores(log),
        statics=popular.statics(log),
    )
