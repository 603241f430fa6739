"""How a release is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.recall.item_cf import ItemCfConfig
from models.schema.parameters import Parameters, Rerank, Retrieval
from models.training.rank import RankTraining
from models.training.two_tower import TowerTraining


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a training run.

    Attributes:
        seed: of everything that is drawn.
        threads: of torch.
        epochs: factor on the epochs of all models.
        index: kind of FAISS index.
        quotas: most candidates by channel; empty: chosen by a search on the validation events.
        text_size: columns that the words of an item's title and text are hashed into.
        prerank_limit: candidates the ranker is trained and evaluated on.
        refit_epochs: of the two-tower model when it is fitted again with newer events.
        refit_rate: its learning rate then, as a factor.
        spectral: dimensions of the space of takers that the ranker reads items in.
        slice_share, slice_most: later slice, as share of a user's events and at most.
        max_held_out: most users that are validated and measured on; of more, a random part.
        max_queries: most rows of the later slice that are trained on; a long log's is shorter.
    """

    seed: int = 1
    threads: int = 2
    epochs: float = 1.0
    index: str = "flat"
    quotas: Mapping[str, int] = field(default_factory=dict)
    text_size: int = 128
    prerank_limit: int = 200
    prerank_epochs: int = 5
    refit_epochs: int = 3
    refit_rate: float = 0.5
    slice_share: float = 0.2
    slice_most: int = 20
    max_held_out: int = 10_000
    max_queries: int = 30_000
    d: int = 64
    rank_e: int = 32
    spectral: int = 64
    blend: tuple[float, ...] = (1.0, 0.2)
    tower: TowerTraining = field(default_factory=TowerTraining)
    item_cf: ItemCfConfig = field(default_factory=ItemCfConfig)
    rank: RankTraining = field(default_factory=RankTraining)

    def parameters(self, quotas: Mapping[str, int]) -> Parameters:
        """What serving reads of these settings, with the quotas of the release."""
        return Parameters(
            quotas=quotas,
            blend=self.blend,
            retrieval=Retrieval(index=self.index),
            rerank=Rerank(),
        )

    def scaled(self, epochs: int) -> int:
        """Epochs after the factor, at least 1."""
        return max(1, round(epochs * self.epochs))
