"""New items in an answer: only those it has, under rows of its own."""

from dataclasses import replace

import numpy as np

from services.domain.arrays import I32
from services.domain.candidates import Candidates
from services.domain.inline import InlineItems
from services.domain.live import FreshItems
from services.domain.stages import Dropped


def with_inline(
    candidates: Candidates, dropped: tuple[Dropped, ...], fresh: FreshItems
) -> tuple[Candidates, tuple[Dropped, ...]]:
    """Puts the new items beside the candidates, and makes all negative rows mean those.

    What was dropped is among them, so that an explanation can name it. No item is in two places.
    """
    lists = [candidates.rows, *(one.rows for one in dropped)]
    used = np.concatenate([-1 - rows[rows < 0] for rows in lists])
    if not len(used):
        return candidates, dropped
    own = own_rows(used, len(fresh))
    return (
        replace(
            candidates,
            rows=renumbered(candidates.rows, own),
            inline=fresh.items.take(used),
        ),
        tuple(replace(one, rows=renumbered(one.rows, own)) for one in dropped),
    )


def ids_only(rows: I32, fresh: FreshItems) -> tuple[I32, InlineItems]:
    """Rows of an answer, and the ids of the new items they mean; without vectors and features."""
    used = -1 - rows[rows < 0]
    nothing = np.empty((len(used), 0), np.float32)
    items = InlineItems(tuple(fresh.items.ids[i] for i in used.tolist()), nothing, nothing)
    return renumbered(rows, own_rows(used, len(fresh))), items


def own_rows(used: I32, count: int) -> I32:
    """The row in the answer of each of `count` new items, int32; 0 for those it does not have."""
    rows = np.zeros(count, np.int32)
    rows[used] = -1 - np.arange(len(used), dtype=np.int32)
    return rows


def renumbered(rows: I32, own: I32) -> I32:
    """The rows with those of new items taken from `own`."""
    numbers = rows.copy()
    newer = rows < 0
    numbers[newer] = own[-1 - rows[newer]]
    return numbers
