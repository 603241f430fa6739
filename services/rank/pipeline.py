"""What rank is made of."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.schema import layout
from models.schema.manifest import Manifest, ReleaseError
from models.schema.parameters import Parameters
from models.schema.rank import RankEncoder, blend
from services.domain.arrays import F32
from services.domain.inline import NO_INLINE
from services.domain.outcome import Outcome
from services.domain.stages import RankQuery, Scores
from services.inference.fit import check_fit, check_inline, check_vector
from services.inference.golden import open_checked
from services.inference.scoring import score_fitting
from services.inference.session import OnnxModel
from services.rank import metrics


@dataclass(frozen=True, slots=True)
class RankModel:
    """The release's ranker: one run of the graph a batch, then the tasks blended into a score.

    Items that the release does not have are read through `tower`, from their content alone.
    """

    encoder: RankEncoder
    graph: OnnxModel
    tower: OnnxModel
    parameters: Parameters

    async def run(self, queries: Sequence[RankQuery]) -> Sequence[Outcome[Scores]]:
        """Scores for each candidate; INVALID for a query that does not fit the release."""
        outcomes = score_fitting(queries, self._check, self._score)
        metrics.REFUSED.inc(sum(outcome.value is None for outcome in outcomes))
        return outcomes

    def _check(self, query: RankQuery) -> None:
        item_count, dimension = self.encoder.vectors.shape
        check_fit(query.candidates, item_count, self.encoder.channel_count)
        check_vector(query.user_vector, dimension)
        content_size = self.encoder.users.schema.content_size
        check_inline(query.candidates.inline, dimension, content_size)

    def _score(self, queries: Sequence[RankQuery]) -> Scores:
        start = time.perf_counter()
        tasks = self.graph.run(self.encoder.feed(queries, self._learnt(queries)))["tasks"]
        metrics.observe(len(queries), len(tasks), time.perf_counter() - start)
        return Scores(blend(tasks, self.parameters), tasks)

    def _learnt(self, queries: Sequence[RankQuery]) -> F32:
        """What the ranker makes of the content of the inline items, float32 [M, e]."""
        content = self.encoder.content(queries)
        if not len(content):
            return NO_INLINE.features
        return self.tower.run({"features": content})["item"]


def open_rank(folder: Path) -> RankModel:
    """Rank from the release in `folder`.

    Raises:
        ReleaseError: when it cannot serve, or its blend does not fit its tasks.
    """
    parameters = Parameters.read(folder)
    tasks = Manifest.read(folder).tasks
    if len(parameters.blend) != len(tasks):
        raise ReleaseError(
            f"{layout.PARAMETERS} blends {len(parameters.blend)} tasks, "
            f"the ranker has {len(tasks)}: {', '.join(tasks)}"
        )
    graph = open_checked(folder, layout.RANK, layout.GOLDEN_RANK)
    tower = open_checked(folder, layout.RANK_TOWER, layout.GOLDEN_RANK_TOWER)
    return RankModel(RankEncoder.open(folder), graph, tower, parameters)
