"""What was shown, beside what was done: an optional table of a data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from models.data import DataError
from services.domain.arrays import I32, I64, U8, U32, Bools

EXPOSURES = "impressions.parquet"
COLUMNS = ("list", "user_id", "item_id", "place", "time", "clicked")
HIGHEST = {"place": 2**8 - 1, "time": 2**32 - 1}


@dataclass(frozen=True, slots=True)
class Exposures:
    """Places of lists that showed an item; those of a list are side by side, e in all.

    Attributes:
        lists: number of the list, ascending, uint32 [e].
        users: place of the user among those of the log, -1 for others, int32 [e].
        rows: rows of the data set's items, int32 [e].
        places: from 0, uint8 [e].
        times: when the user came to it, unix seconds, uint32 [e].
        clicked: bool [e].
    """

    lists: U32
    users: I32
    rows: I32
    places: U8
    times: U32
    clicked: Bools

    def __len__(self) -> int:
        return len(self.lists)

    def take(self, at: I64 | Bools) -> "Exposures":
        """Those at these places."""
        return Exposures(
            self.lists[at],
            self.users[at],
            self.rows[at],
            self.places[at],
            self.times[at],
            self.clicked[at],
        )

    def before(self, times: I64) -> "Exposures":
        """What each user was shown before a time, int64 [U], and all of users of no log."""
        return self.take((self.users < 0) | (self.times < np.append(times, 0)[self.users]))


def read_exposures(folder: Path, user_ids: list[str], item_ids: list[str]) -> Exposures | None:
    """The table EXPOSURES of the data set in `folder`; None when it has none.

    Args:
        user_ids: users of the log, in their order.
        item_ids: items of the data set, by row.

    Raises:
        DataError: the table cannot be read, shows an item that is not among them, or a column is
            missing, of another type, empty somewhere or out of range.
    """
    path = folder / EXPOSURES
    if not path.exists():
        return None
    try:
        shown = pl.read_parquet(path, columns=list(COLUMNS))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read: {reason}") from None
    for name in COLUMNS:
        if fault := _fault(shown[name]):
            raise DataError(f"{path}: column {name!r} {fault}")
    row = _places(shown["item_id"], item_ids)
    if (row < 0).any():
        item = shown["item_id"][int(np.argmin(row))]
        raise DataError(f"{path} shows item {item!r}, which the data set does not have")
    lists, order = _numbered(shown)
    return Exposures(
        lists,
        _places(shown["user_id"], user_ids)[order],
        row[order],
        shown["place"].to_numpy().astype(np.uint8)[order],
        shown["time"].to_numpy().astype(np.uint32)[order],
        shown["clicked"].to_numpy()[order],
    )


def _fault(column: pl.Series) -> str:
    """What is wrong with a column of the table; empty: nothing."""
    text = column.dtype == pl.String or isinstance(column.dtype, (pl.Categorical, pl.Enum))
    number = column.dtype.is_integer()
    wanted = {
        "list": ("an integer or text", number or text),
        "user_id": ("text", text),
        "item_id": ("text", text),
        "clicked": ("boolean", column.dtype == pl.Boolean),
    }
    what, right = wanted.get(column.name, ("an integer", number))
    if not right:
        return f"has to be {what}, not {column.dtype}"
    if column.null_count():
        return f"is empty in {column.null_count():,} rows"
    most = HIGHEST.get(column.name)
    if most is not None and not column.is_between(0, most).all():
        return f"has to be from 0 to {most}"
    return ""


def _numbered(shown: pl.DataFrame) -> tuple[U32, I64]:
    """Lists numbered by user and list, ascending, uint32 [e], and the rows in their order [e].

    Two users may have lists of the same number, and a list may lie in pieces.
    """
    keys = [_key(shown[name]) for name in ("place", "list", "user_id")]
    order = np.lexsort(keys)
    _, lists, users = (key[order] for key in keys)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (lists[1:] != lists[:-1]) | (users[1:] != users[:-1])
    return (np.cumsum(begins) - 1).astype(np.uint32), order


def _key(column: pl.Series) -> I64:
    """Integers in the order of the column's values, int64."""
    if column.dtype.is_integer():
        return np.asarray(column.to_numpy().astype(np.int64))
    return _places(column, sorted(column.unique().cast(pl.String))).astype(np.int64)


def _places(ids: pl.Series, names: list[str]) -> I32:
    """Place of each id among `names`, -1 where it is not there; looks up each different id once."""
    known = pl.DataFrame({ids.name: names}, schema={ids.name: pl.String}).with_row_index("at")
    coded = ids.cast(pl.Categorical)
    codes, different = coded.to_physical().to_numpy(), coded.unique()
    wanted = different.cast(pl.String).to_frame()
    found = wanted.join(known, on=ids.name, how="left", maintain_order="left")
    places = np.full(int(codes.max(initial=0)) + 1, -1, np.int32)
    places[different.to_physical().to_numpy()] = found["at"].cast(pl.Int32).fill_null(-1)
    return np.asarray(places[codes], np.int32)
