"""What reranking is made of: the rules, in the order in which they apply."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.parameters import Parameters
from services.domain.arrays import F32
from services.domain.hard_rules import blocked_rows
from services.domain.ids import item_keys
from services.domain.outcome import Outcome, Reason
from services.domain.protocols import Rule
from services.domain.stages import (
    Reranked,
    RerankQuery,
    RuleNote,
    Slate,
)
from services.inference.fit import check_inline
from services.operator_rules.rules import Rules, effective_rules
from services.rerank.items import boosts_of, check_items, pins_of
from services.rerank.metrics import observe
from services.rerank.rules.blocks import Blocks
from services.rerank.rules.boosts import Boosts
from services.rerank.rules.dpp import Dpp
from services.rerank.rules.fresh import FreshFloor
from services.rerank.rules.mmr import Mmr
from services.rerank.rules.pins import Pins
from services.rerank.rules.window import CategoryWindow
from services.rerank.settings import RerankSettings

DIVERSITY: dict[str, list[type[Mmr] | type[Dpp]]] = {"mmr": [Mmr], "dpp": [Dpp], "none": []}
MAX_ROWS = 2000
MAX_K = 500


def rules_of(rules: Rules, catalog: Catalog, vectors: F32, categories: Sequence[str]) -> list[Rule]:
    """The rules, first to last: a later one has the last word.

    Raises:
        RulesError: a boost or pin names an item or a category that the release does not have.
    """
    check_items(rules, catalog)
    most = rules.max_per_category or rules.window  # 0 is off: a window holds no more than it is
    return [
        Blocks(blocked_rows(rules.blocks, catalog.rows_of), item_keys(rules.blocks)),
        Boosts(boosts_of(rules, catalog, categories), len(catalog)),
        *(diversity(vectors, rules.trade_off) for diversity in DIVERSITY[rules.diversity]),
        CategoryWindow(catalog.category_codes, rules.window, most, len(categories)),
        FreshFloor(rules.fresh_floor),
        Pins(pins_of(rules, catalog)),
    ]


def open_rerank(folder: Path, settings: RerankSettings) -> "RerankModel":
    """The rules of the release in `folder`, with the operator's file over its parameters.

    Raises:
        RulesError: the file or a parameter is wrong, or names what the release does not have.
    """
    file = Path(settings.rules_file) if settings.rules_file else None
    rules = effective_rules(Parameters.read(folder).rerank, file)
    schema = FeatureSchema.read(folder)
    catalog = Catalog(folder, schema.categories)
    vectors: F32 = mapped(folder / layout.VECTORS)
    applied = rules_of(rules, catalog, vectors, schema.categories)
    return RerankModel(applied, len(catalog), vectors.shape[1], schema.content_size)


@dataclass(frozen=True, slots=True)
class RerankModel:
    """Applies the rules to lists of rows of one release.

    Attributes:
        rules: in the order in which they apply.
        items: number of items of the release.
        dimension, content_size: numbers of an inline item's vector and features.
    """

    rules: Sequence[Rule]
    items: int
    dimension: int
    content_size: int

    async def run(self, queries: Sequence[RerankQuery]) -> list[Outcome[Reranked]]:
        """The final list of each query; a wrong one is answered INVALID."""
        return [self._answer(query) for query in queries]

    def _answer(self, query: RerankQuery) -> Outcome[Reranked]:
        if problem := self._problem(query):
            return Outcome.failed(Reason.INVALID, problem)
        slate = Slate(query.rows, query.scores)
        notes: list[RuleNote] = []
        for rule in self.rules:
            slate, more = rule.apply(slate, query)
            notes += more
        rows = slate.rows[: query.k]
        given = dict(zip(query.rows.tolist(), query.scores.tolist(), strict=True))
        scores = np.array([given.get(row, 0.0) for row in rows.tolist()], np.float32)
        observe(received=len(query.rows), returned=len(rows), wanted=query.k)
        return Outcome.of(Reranked(Slate(rows, scores), tuple(notes)))

    def _problem(self, query: RerankQuery) -> str:
        try:
            check_inline(query.inline, self.dimension, self.content_size, "inline_items")
        except ValueError as error:
            return str(error)
        return _problem(query, self.items)


def _problem(query: RerankQuery, items: int) -> str:
    """What is wrong with a query, naming the field; empty when nothing is."""
    rows, scores = query.rows, query.scores
    if not 1 <= query.k <= MAX_K:
        return f"k: {query.k}, 1 to {MAX_K} expected"
    if len(rows) > MAX_ROWS:
        return f"rows: {len(rows)} items, at most {MAX_ROWS}"
    if len(scores) != len(rows):
        return f"scores: {len(scores)} values for {len(rows)} rows"
    if not len(rows):
        return ""
    if rows.min() < -len(query.inline) or rows.max() >= items:
        return f"rows: a row is not in {-len(query.inline)}..{items - 1}"
    if len(np.unique(rows)) != len(rows):
        return "rows: an item is there twice"
    if not np.isfinite(scores).all():
        return "scores: not a finite number"
    return ""
