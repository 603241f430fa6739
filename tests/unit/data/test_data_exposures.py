"""The table of what was shown, as a user of the project may bring it."""

from pathlib import Path

import polars as pl
import pytest

from models.data import DataError
from models.data.exposures import EXPOSURES, read_exposures

TABLE = pl.DataFrame(
    {
        "list": [7, 7, 3, 3, 7, 7],
        "user_id": ["b", "a", "a", "a", "a", "b"],
        "item_id": ["x", "y", "x", "z", "x", "z"],
        "place": [0, 1, 1, 0, 0, 1],
        "time": [10, 21, 31, 30, 20, 11],
        "clicked": [True, False, True, False, True, False],
    }
)


def written(folder: Path, table: pl.DataFrame) -> Path:
    table.write_parquet(folder / EXPOSURES)
    return folder


@pytest.mark.parametrize("kind", [pl.Int64, pl.String, pl.Categorical])
def test_lists_are_those_of_a_user_and_ascend(tmp_path: Path, kind: type[pl.DataType]) -> None:
    table = TABLE.with_columns(pl.col("list").cast(pl.String).cast(kind))
    read = read_exposures(written(tmp_path, table), ["b"], ["x", "y", "z"])
    assert read is not None
    assert read.lists.tolist() == [0, 0, 1, 1, 2, 2]
    assert read.users.tolist() == [-1, -1, -1, -1, 0, 0]
    assert read.rows.tolist() == [2, 0, 0, 1, 0, 2]
    assert read.places.tolist() == [0, 1, 0, 1, 0, 1]
    assert read.times.tolist() == [30, 31, 20, 21, 10, 11]
    assert read.clicked.tolist() == [False, True, True, False, True, False]


def test_an_empty_table_is_read(tmp_path: Path) -> None:
    read = read_exposures(written(tmp_path, TABLE.clear()), ["b"], ["x"])
    assert read is not None
    assert len(read) == 0


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pl.lit(None, pl.Int64).alias("list"), "'list' is empty in 6 rows"),
        (pl.lit(0.5).alias("list"), "'list' has to be an integer or text, not Float64"),
        (pl.lit(5).alias("user_id"), "'user_id' has to be text"),
        (pl.lit(None, pl.String).alias("item_id"), "'item_id' is empty in 6 rows"),
        (pl.col("place") + 255, "'place' has to be from 0 to 255"),
        (pl.lit("first").alias("place"), "'place' has to be an integer"),
        (pl.col("time") - 11, "'time' has to be from 0 to 4294967295"),
        (pl.col("time").cast(pl.Datetime), "'time' has to be an integer"),
        (pl.col("clicked").cast(pl.Int8), "'clicked' has to be boolean"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, column: pl.Expr, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_exposures(written(tmp_path, TABLE.with_columns(column)), ["a"], ["x", "y", "z"])


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="place"):
        read_exposures(written(tmp_path, TABLE.drop("place")), ["a"], ["x", "y", "z"])
