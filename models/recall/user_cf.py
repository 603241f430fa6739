"""userCF: who took what, arranged so that people like a user are found without a search."""

from dataclasses import dataclass

import numpy as np

from models.training.log import Log
from services.domain.arrays import F32, I32, I64

MOST_TAKERS = 500  # newest users an item
MOST_TAKEN = 100  # newest items a user


@dataclass(frozen=True, slots=True)
class UserCfTables:
    """As in models.schema.user_cf.UserCf."""

    taker_offsets: I64
    takers: I32
    taken_offsets: I64
    taken: I32
    weights: F32
    norms: F32


def fit(log: Log, takers: int = MOST_TAKERS, taken: int = MOST_TAKEN) -> UserCfTables:
    """Posting lists by item and histories by user, each user and item once.

    An item in common counts 1 / log(2 + its users): what everyone has says little (Breese et al.
    1998). norms[u] = sqrt(sum of the weights of all that u took): longer histories match more by
    chance.

    Args:
        takers: most users of an item: those who took it last, or by the clock, or in the log.
        taken: most items of a user: those taken last.
    """
    first = np.flatnonzero(log.new)  # an item's first event of a user
    users, rows = log.users[first], log.rows[first]
    counts = np.bincount(rows, minlength=log.item_count)
    weights = 1.0 / np.log(2.0 + np.maximum(counts, 1))
    mass = np.bincount(users, weights=weights[rows], minlength=log.user_count)
    newest = np.argsort(log.times[first] if log.has_clock else first, kind="stable")[::-1]
    by_item = newest[np.argsort(rows[newest], kind="stable")]
    by_user = np.arange(len(first))[::-1][np.argsort(users[::-1], kind="stable")]
    taker_offsets, kept_takers = _heads(rows[by_item], log.item_count, takers)
    taken_offsets, kept_taken = _heads(users[by_user], log.user_count, taken)
    return UserCfTables(
        taker_offsets,
        users[by_item][kept_takers].astype(np.int32),
        taken_offsets,
        rows[by_user][kept_taken].astype(np.int32),
        weights.astype(np.float32),
        np.sqrt(np.maximum(mass, 1e-6)).astype(np.float32),
    )


def _heads(owners: I64, count: int, most: int) -> tuple[I64, I64]:
    """Offsets [count + 1] and places of the first `most` of each owner; owners ascend."""
    sizes = np.bincount(owners, minlength=count)
    begins = np.cumsum(sizes) - sizes
    kept = np.flatnonzero(np.arange(len(owners)) - begins[owners] < most)
    return np.concatenate([[0], np.cumsum(np.minimum(sizes, most))]), kept
