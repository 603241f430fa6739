"""What was shown, beside what was done: an optional table of a data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from models.data import DataError
from services.domain.arrays import I32, I64, U8, U32, Bools

EXPOSURES = "impressions.parquet"
COLUMNS = ("list", "user_id", "item_id", "place", "time", "clicked")


@dataclass(frozen=True, slots=True)
class Exposures:
    """Places of lists that showed an item; those of a list are side by side, e in all.

    Attributes:
        lists: number of the list, uint32 [e].
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

    def up_to(self, times: I64) -> "Exposures":
        """What each user was shown up to a time: int64 [U]; nothing of other users."""
        known = self.users >= 0
        return self.take(known & (self.times <= np.append(times, 0)[self.users]))


def read_exposures(folder: Path, user_ids: list[str], item_ids: list[str]) -> Exposures | None:
    """The table EXPOSURES of the data set in `folder`; None when it has none.

    Args:
        user_ids: users of the log, in their order.
        item_ids: items of the data set, by row.

    Raises:
        DataError: the table is damaged, lacks a column, or shows an item that is not among them.
    """
    path = folder / EXPOSURES
    if not path.exists():
        return None
    users = pl.DataFrame({"user_id": user_ids}, schema={"user_id": pl.String})
    items = pl.DataFrame({"item_id": item_ids}, schema={"item_id": pl.String})
    try:
        shown = pl.read_parquet(path, columns=list(COLUMNS))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read: {reason}") from None
    user = _places(shown["user_id"], users.with_row_index("at"))
    row = _places(shown["item_id"], items.with_row_index("at"))
    if (row < 0).any():
        item = shown["item_id"][int(np.argmin(row))]
        raise DataError(f"{path} shows item {item!r}, which the data set does not have")
    return Exposures(
        shown["list"].to_numpy().astype(np.uint32),
        user,
        row,
        shown["place"].to_numpy().astype(np.uint8),
        shown["time"].to_numpy().clip(0, 2**32 - 1).astype(np.uint32),
        shown["clicked"].to_numpy().astype(np.bool_),
    )


def _places(ids: pl.Series, known: pl.DataFrame) -> I32:
    """Place of each id in `known`, -1 where it is not there; looks up each different id once."""
    coded = ids.cast(pl.Categorical)
    codes, different = coded.to_physical().to_numpy(), coded.unique()
    wanted = different.cast(pl.String).to_frame()
    found = wanted.join(known, on=ids.name, how="left", maintain_order="left")
    places = np.full(int(codes.max(initial=0)) + 1, -1, np.int32)
    places[different.to_physical().to_numpy()] = found["at"].cast(pl.Int32).fill_null(-1)
    return np.asarray(places[codes], np.int32)
