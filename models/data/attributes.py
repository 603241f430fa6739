"""Tables of users and items beside the interactions."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.data import DataError
from models.data.interactions import id_problem, rejected_rows
from models.data.source import LINE, PROBLEM


@dataclass(frozen=True, slots=True)
class UserTable:
    """A table of users; every column but the id is an attribute."""

    path: Path
    id: str


@dataclass(frozen=True, slots=True)
class ItemTable:
    """A table of items; every column that is not named here is an attribute.

    Attributes:
        title, categories, tags: columns, empty when there is none.
        separator: between the categories of one item, and between its tags.
    """

    path: Path
    id: str
    title: str = ""
    categories: str = ""
    separator: str = "|"
    tags: str = ""

    def __post_init__(self) -> None:
        if not self.separator:
            raise DataError("the separator of categories is empty")

    def names(self) -> list[str]:
        """The columns that are not attributes."""
        return [name for name in (self.id, self.title, self.categories, self.tags) if name]


def users(raw: pl.DataFrame, table: UserTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The users of a table, and its rejected rows, from strings as `source.read_table` gives."""
    kept, rejected = _by_id(raw, table.id, "user", table.path.name)
    attributes = _attributes(kept, [table.id], ["user_id"], table.path)
    return kept.select(pl.col(table.id).alias("user_id"), *attributes), rejected


def items(raw: pl.DataFrame, table: ItemTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items of a table, and its rejected rows, from strings as `source.read_table` gives.

    An empty title becomes the id.
    """
    kept, rejected = _by_id(raw, table.id, "item", table.path.name)
    title = pl.col(table.title or table.id)
    named = kept.select(
        pl.col(table.id).alias("item_id"),
        pl.when(title.str.strip_chars() == "").then(table.id).otherwise(title).alias("title"),
        _names(table.categories, table.separator).alias("categories"),
        *([_names(table.tags, table.separator).alias("tags")] if table.tags else []),
        *_attributes(kept, table.names(), ["item_id", "title", "categories", "tags"], table.path),
    )
    return named, rejected


def _names(column: str, separator: str) -> pl.Expr:
    """The names in a column of text, each once; none where there is no column."""
    text = pl.col(column) if column else pl.lit("")
    parts = text.str.split(separator).list.eval(pl.element().str.strip_chars())
    there = parts.list.eval(pl.element().filter(pl.element() != ""))
    return there.list.unique(maintain_order=True)


def with_missing(table: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The table with a row for every id of `known`, sorted by id.

    Args:
        known: the id column first; what its other columns say is taken for new rows alone.
    """
    column = known.columns[0]
    new = known.unique(column).join(table, on=column, how="anti")
    every = pl.concat([table, new], how="diagonal")
    filled = every.with_columns(
        pl.col(pl.String).fill_null(""), pl.col(pl.List(pl.String)).fill_null([])
    )
    return filled.sort(column)


def _by_id(
    raw: pl.DataFrame, column: str, noun: str, file: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first row of each id; every other row is rejected."""
    again = pl.when(~pl.col(column).is_first_distinct()).then(pl.lit(f"{noun} id occurs again"))
    reason = raw.select(pl.coalesce(PROBLEM, id_problem(column, noun), again)).to_series()
    return raw.filter(reason.is_null()), rejected_rows(raw, reason, file)


def _attributes(
    table: pl.DataFrame, used: list[str], reserved: list[str], path: Path
) -> list[pl.Expr]:
    """The other columns; DataError when one has a name of the format's own."""
    names = [name for name in table.columns if name not in (LINE, PROBLEM, *used)]
    for name in names:
        if name in reserved:
            raise DataError(f"{path}: column {name!r} is not an attribute; map or rename it")
    return [pl.col(name) for name in names]
