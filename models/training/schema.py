"""Derives the feature schema from a data set."""

import polars as pl

from models.data.dataset import ITEM_COLUMNS, Tables
from models.data.interactions import INTERACTION_COLUMNS
from models.schema.features import FeatureSchema, Field

BINS = 10
MAX_VALUES = 200  # most frequent values of an attribute that become its vocabulary
NUMERIC = 0.95  # share of values that must be numbers for bins
NO_NAMES = pl.Series([], dtype=pl.List(pl.String))
MIN_DISTINCT = 12  # numbers with fewer distinct values are names, such as codes


def derive(tables: Tables, text_size: int) -> FeatureSchema:
    """Every attribute or circumstance becomes a field: numbers by bins of equal count, others by
    name.

    Args:
        text_size: columns that the words of titles and texts are hashed into.
    """
    tags = tables.items["tags"] if "tags" in tables.items.columns else NO_NAMES
    return FeatureSchema(
        user=_fields(tables.users.drop("user_id")),
        item=_fields(tables.items.drop(ITEM_COLUMNS, strict=False)),
        context=_fields(tables.interactions.drop(INTERACTION_COLUMNS)),
        categories=_names(tables.items["categories"]),
        tags=_names(tags),
        text_size=text_size,
    )


def _names(lists: pl.Series) -> tuple[str, ...]:
    """Every name in the lists once, sorted."""
    names = lists.explode().drop_nulls().unique().sort()
    return tuple(name for name in names if name)


def _fields(frame: pl.DataFrame) -> tuple[Field, ...]:
    return tuple(_field(column) for column in frame)


def _field(column: pl.Series) -> Field:
    values = column.filter(column != "")
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    numbers = numbers.filter(numbers.is_finite())
    if len(numbers) >= NUMERIC * max(len(values), 1) and numbers.n_unique() >= MIN_DISTINCT:
        quantiles = [numbers.quantile((i + 1) / BINS) or 0.0 for i in range(BINS - 1)]
        return Field(column.name, edges=tuple(sorted(set(quantiles))))
    counts = values.value_counts().sort("count", column.name, descending=[True, False])
    return Field(column.name, values=tuple(sorted(counts[column.name].head(MAX_VALUES))))
