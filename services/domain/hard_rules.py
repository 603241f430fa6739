"""Rules that hold even when the rerank stage is down: an item that is blocked is never shown."""

from collections.abc import Callable, Iterable

import numpy as np

from services.domain.arrays import I32, U64, Bools
from services.domain.ids import item_keys


def blocked_rows(item_ids: Iterable[str], rows_of: Callable[[U64], I32]) -> I32:
    """Rows of the blocked items in a release, int32 [m]; those the release lacks need no block.

    Args:
        item_ids: ids of the blocked items.
        rows_of: rows of keys in the release, -1 for unknown ones, such as `Catalog.rows_of`.
    """
    rows = rows_of(item_keys(item_ids))
    return np.unique(rows[rows >= 0])


def allowed(rows: I32, blocked: I32) -> Bools:
    """Which rows may be shown, bool [n]."""
    return np.isin(rows, blocked, invert=True)
