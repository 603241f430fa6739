"""Fitting of the recall models on a log."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import normalize

from models.data.exposures import Exposures
from models.recall import item_cf, neighbours, popular, spectral
from models.recall.two_tower import TowerShape, TwoTower
from models.schema.features import FeatureSchema
from models.schema.history import LENGTH_SIZE
from models.training import two_tower
from models.training.channels import TABLES, Arrays, Fitting
from models.training.log import Log
from models.training.settings import Settings
from models.training.two_tower import Progress
from services.domain.arrays import F32, I32


@dataclass(frozen=True)
class Recall:
    """Fitted recall models.

    Attributes:
        tower: the two-tower model.
        table: items as its user tower reads them, float32 [n, d].
        vectors: L2-normalised item vectors, float32 [n, d].
        item_cf: neighbour rows int32 [n, m] and scores float32 [n, m].
        popularity: score of each item, float32 [n].
        spectral: items in the space of their takers, float32 [n, k].
        statics: static features of items, float32 [n, s].
        tables: of the other channels, by their file in a release.
    """

    tower: TwoTower
    table: F32
    vectors: F32
    item_cf: tuple[I32, F32]
    popularity: F32
    spectral: F32
    statics: F32
    tables: Arrays


@dataclass(frozen=True)
class Recipe:
    """What recall is fitted by.

    Attributes:
        channels: names of those whose tables are fitted.
        exposures: what was shown up to the end of the log, where it is known.
    """

    schema: FeatureSchema
    settings: Settings
    channels: Collection[str]
    exposures: Exposures | None = None


def field_sizes(schema: FeatureSchema) -> tuple[int, ...]:
    """Number of indices of each field that UserEncoder gives."""
    return (LENGTH_SIZE, *(field.size for field in (*schema.user, *schema.context)))


def fit(log: Log, content: F32, recipe: Recipe, progress: Progress) -> Recall:
    """Fits everything from nothing. `content`: float32 [n, f]."""
    settings = recipe.settings
    torch.manual_seed(settings.seed)
    shape = TowerShape(field_sizes(recipe.schema), settings.d)
    tower = TwoTower(shape, torch.from_numpy(content))
    epochs = settings.scaled(settings.tower.epochs)
    config = replace(settings.tower, epochs=epochs, seed=settings.seed)
    two_tower.train(tower, log, recipe.schema, config, progress)
    return _fitted(tower, log, recipe)


def refit(recall: Recall, log: Log, recipe: Recipe, progress: Progress) -> Recall:
    """Fits again on a log that goes on: the towers from where they were, the counts anew."""
    settings = recipe.settings
    tower = copy.deepcopy(recall.tower)
    config = replace(
        settings.tower,
        epochs=settings.scaled(settings.refit_epochs),
        learning_rate=settings.tower.learning_rate * settings.refit_rate,
        seed=settings.seed + 1,
    )
    two_tower.train(tower, log, recipe.schema, config, progress)
    return _fitted(tower, log, recipe)


def _fitted(tower: TwoTower, log: Log, recipe: Recipe) -> Recall:
    table = tower.item_table()
    popularity = popular.scores(log)
    content = tower.items.content.numpy()
    on = Fitting(log, content, len(recipe.schema.categories), popularity)
    tables: Arrays = {}
    for name, fitted in TABLES.items():
        if name in recipe.channels:
            tables |= fitted(on)
    return Recall(
        tower=tower.eval(),
        table=np.asarray(table.numpy(), np.float32),
        vectors=np.asarray(normalize(table, dim=-1).numpy(), np.float32),
        item_cf=item_cf.fit(log, recipe.settings.item_cf),
        popularity=popularity,
        spectral=_spectral(log, recipe.settings),
        statics=popular.statics(log, recipe.exposures),
        tables=tables,
    )


def _spectral(log: Log, settings: Settings) -> F32:
    return spectral.item_factors(neighbours.interactions(log), settings.spectral, settings.seed)
