"""The repeat policy: what a user has seen and may be shown again when nothing else is left."""

import numpy as np

from services.domain.arrays import I64, U64
from services.domain.context import UserContext
from services.domain.events import EventType

_TAKEN = (EventType.LIKE, EventType.PURCHASE)


def again(keys: U64, context: UserContext) -> I64:
    """Positions of the seen items that may be shown again, those to be shown first in front.

    First what was shown so long ago that only the Bloom filters know of it, then what is in the
    list of items shown last, from its oldest on; then what the user acted on, longest ago first,
    and at the end what was liked or bought. Never what was dismissed. Of acts the history knows:
    a user's last 200.

    Args:
        keys: items that the user has seen, uint64 [n], in the order to keep among equals.

    Returns:
        positions in `keys`, int64 [m].
    """
    history, recent = context.history, context.seen.recent
    acted = _first(keys, history.keys)
    shown = _first(keys, recent)
    taken = _first(keys, history.keys[np.isin(history.events, _TAKEN)])
    dismissed = _first(keys, history.keys[history.events == EventType.DISMISS])
    tier = np.where(taken >= 0, 3, np.where(acted >= 0, 2, np.where(shown >= 0, 1, 0)))
    order = np.lexsort((-np.where(tier >= 2, acted, shown), tier))
    return order[dismissed[order] < 0]


def _first(keys: U64, listed: U64) -> I64:
    """Position of the first occurrence of each key in a list, int64 [n]; -1: it is not in it."""
    if not len(listed):
        return np.full(len(keys), -1, np.int64)
    order = np.argsort(listed, kind="stable")
    at = np.minimum(np.searchsorted(listed[order], keys), len(listed) - 1)
    return np.where(listed[order[at]] == keys, order[at], -1)
