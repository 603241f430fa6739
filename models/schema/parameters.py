"""Numbers of a release that are not learnt: quotas, blending, retrieval, reranking."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.schema import layout

INDEX_KINDS = ("flat", "hnsw", "ivf", "ivfpq")
DIVERSITY_METHODS = ("mmr", "dpp", "none")


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How vectors and neighbours are searched.

    Attributes:
        index: one of INDEX_KINDS.
        nprobe: lists searched by the IVF kinds.
        ef_search: breadth of the HNSW search.
        item_cf_recency: history position p weighs (1 + p) ** -item_cf_recency in itemCF; the
            others mean the same for their channels.
    """

    index: str = "flat"
    nprobe: int = 16
    ef_search: int = 128
    item_cf_recency: float = 1.0
    swing_recency: float = 1.0
    user_cf_recency: float = 0.5
    ease_recency: float = 0.5
    content_recency: float = 1.0
    category_recency: float = 0.5


@dataclass(frozen=True, slots=True)
class Rerank:
    """What the final list is made by.

    Attributes:
        diversity: one of DIVERSITY_METHODS.
        trade_off: 1 orders by score alone, 0 by diversity alone.
        window: any `window` consecutive items hold at most `max_per_category` of one category.
        max_per_category: see window; 0 turns the rule off.
        fresh_floor: items newer than the release that a list has at least; 0 turns the rule off.
        boosts: category → factor on the score.
        pins: item id → position, from 1.
        blocks: ids of items that are never shown.
    """

    diversity: str = "mmr"
    trade_off: float = 0.85
    window: int = 10
    max_per_category: int = 0
    fresh_floor: int = 1
    boosts: Mapping[str, float] = field(default_factory=dict)
    pins: Mapping[str, int] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a release.

    Attributes:
        quotas: most candidates by channel name.
        blend: exponent by task, in the order of the ranker's tasks.
        history_length: newest events the models read.
    """

    quotas: Mapping[str, int]
    blend: tuple[float, ...]
    history_length: int = 50
    retrieval: Retrieval = field(default_factory=Retrieval)
    rerank: Rerank = field(default_factory=Rerank)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Parameters":
        """The inverse of to_json; ValueError, KeyError or TypeError when it is not one."""
        raw: dict[str, Any] = json.loads(text)
        rerank = {**raw["rerank"], "blocks": tuple(raw["rerank"]["blocks"])}
        parameters = Parameters(
            quotas=raw["quotas"],
            blend=tuple(raw["blend"]),
            history_length=raw["history_length"],
            retrieval=Retrieval(**raw["retrieval"]),
            rerank=Rerank(**rerank),
        )
        if parameters.retrieval.index not in INDEX_KINDS:
            raise ValueError(f"index is {parameters.retrieval.index!r}, not one of {INDEX_KINDS}")
        if parameters.rerank.diversity not in DIVERSITY_METHODS:
            raise ValueError(
                f"diversity is {parameters.rerank.diversity!r}, not one of {DIVERSITY_METHODS}"
            )
        return parameters

    @staticmethod
    def read(folder: Path) -> "Parameters":
        """The parameters of the release in `folder`."""
        return Parameters.from_json((folder / layout.PARAMETERS).read_text(encoding="utf-8"))

    def write(self, folder: Path) -> None:
        """Writes the parameters into a release folder."""
        (folder / layout.PARAMETERS).write_text(self.to_json(), encoding="utf-8")
