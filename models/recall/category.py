"""Popular items by category."""

import numpy as np

from services.domain.arrays import F32, I32, Bools

FLOOR = 0.1  # what an item without any event counts by the most popular one


def fit(members: Bools, popularity: F32, most: int = 500) -> tuple[I32, F32]:
    """The list of each category.

    An item scores FLOOR + (1 - FLOOR) * sqrt(popularity): where nothing is known, the list is that
    of the catalog; a hit does not drown what else is in two of the user's categories.

    Args:
        members: which items a category has, bool [n, c].
        popularity: float32 [n], 1 for the most popular.
        most: items kept a category.

    Returns:
        rows int32 [c, m], best first, ties by row, -1 pads; scores float32 [c, m], 0 where padded.
    """
    scores = (FLOOR + (1.0 - FLOOR) * np.sqrt(popularity)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    width = min(most, len(scores))
    rows = np.full((members.shape[1], width), -1, np.int32)
    values = np.zeros(rows.shape, np.float32)
    for code in range(members.shape[1]):
        best = order[members[order, code]][:width]
        rows[code, : len(best)] = best
        values[code, : len(best)] = scores[best]
    return rows, values
