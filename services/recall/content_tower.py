"""New items as vectors: a release's content tower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from models.schema import layout
from models.schema.features import FeatureSchema
from services.domain.arrays import F32
from services.inference.background import give_way
from services.inference.golden import open_checked
from services.inference.session import OnnxModel

BATCH = 256  # items encoded at once


class Described(Protocol):
    """What an item says of itself."""

    @property
    def title(self) -> str: ...

    @property
    def categories(self) -> Sequence[str]: ...

    @property
    def attributes(self) -> Mapping[str, str]: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ContentTower:
    """Content features float32 [m, f] → item vectors float32 [m, d] in the space of the index."""

    schema: FeatureSchema
    tower: OnnxModel

    @staticmethod
    def open(folder: Path, schema: FeatureSchema) -> "ContentTower | None":
        """That of the release in `folder`; None for a release that was made without one.

        Raises:
            ReleaseError: the tower is damaged.
        """
        if not (folder / layout.CONTENT_TOWER).exists():
            return None
        tower = open_checked(folder, layout.CONTENT_TOWER, layout.GOLDEN_CONTENT_TOWER)
        return ContentTower(schema, tower)

    def encode(self, items: Sequence[Described]) -> tuple[F32, F32]:
        """Features [m, f] and vectors [m, d], L2-normalised.

        The vector of an item of which the release knows nothing is zero: no user is near it.
        """
        features = np.stack([self._features(item) for item in items])
        parts = [features[at : at + BATCH] for at in range(0, len(features), BATCH)]
        vectors = np.concatenate([self._vectors(part) for part in parts])
        nothing = self.schema.content_features((), {})
        vectors[(features == nothing).all(axis=1)] = 0.0
        return features, vectors

    def _vectors(self, features: F32) -> F32:
        give_way()
        return self.tower.run({"features": features})["item"]

    def _features(self, item: Described) -> F32:
        give_way()
        text = f"{item.title} {item.text}"
        return self.schema.content_features(item.categories, item.attributes, text)
