"""What prerank is made of."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.prerank import PrerankEncoder
from services.domain.outcome import Outcome
from services.domain.stages import PrerankQuery, Scores
from services.inference.fit import check_fit, check_inline, check_vector
from services.inference.golden import open_checked
from services.inference.scoring import score_fitting
from services.inference.session import OnnxModel
from services.prerank import metrics


@dataclass(frozen=True, slots=True)
class PrerankModel:
    """The release's light scorer: one run of the graph a batch.

    Attributes:
        content_size: number of content features of an inline item.
    """

    encoder: PrerankEncoder
    graph: OnnxModel
    content_size: int

    async def run(self, queries: Sequence[PrerankQuery]) -> Sequence[Outcome[Scores]]:
        """A score for each candidate; INVALID for a query that does not fit the release."""
        outcomes = score_fitting(queries, self._check, self._score)
        metrics.REFUSED.inc(sum(outcome.value is None for outcome in outcomes))
        return outcomes

    def _check(self, query: PrerankQuery) -> None:
        item_count, dimension = self.encoder.vectors.shape
        check_fit(query.candidates, item_count, self.encoder.channel_count)
        check_vector(query.user_vector, dimension)
        check_inline(query.candidates.inline, dimension, self.content_size)

    def _score(self, queries: Sequence[PrerankQuery]) -> Scores:
        start = time.perf_counter()
        scores = self.graph.run(self.encoder.feed(queries))["score"]
        metrics.observe(len(queries), len(scores), time.perf_counter() - start)
        return Scores(scores, np.empty((len(scores), 0), np.float32))


def open_prerank(folder: Path) -> PrerankModel:
    """Prerank from the release in `folder`; ReleaseError when it cannot serve."""
    return PrerankModel(
        PrerankEncoder.open(folder),
        open_checked(folder, layout.PRERANK, layout.GOLDEN_PRERANK),
        FeatureSchema.read(folder).content_size,
    )
