"""Marks items as shown: exact list and Bloom filter in one script."""

import numpy as np

from services.domain.user_state import Marked, MarkShownQuery
from services.feature_store.connection import Command, Reply
from services.feature_store.layout import RECENT_LIMIT, Layout, written_keys
from services.feature_store.limits import mark_error
from services.feature_store.masks import masks
from services.feature_store.script import MARK_SHOWN
from services.feature_store.stage import Operation


def mark_shown(layout: Layout) -> Operation[MarkShownQuery, Marked]:
    """The operation."""
    shape = layout.bloom

    def command(query: MarkShownQuery) -> Command:
        keys = np.array(list(dict.fromkeys(query.keys.tolist())), "<u8")
        return MARK_SHOWN.command(
            written_keys(query.user_id),
            layout.expiry(query.user_id),
            shape.hashes,
            shape.log2_bits,
            shape.generations,
            RECENT_LIMIT,
            keys.tobytes(),
            *masks(keys, shape),
        )

    return Operation("mark", mark_error, command, _decode)


def _decode(query: MarkShownQuery, reply: Reply) -> Marked:
    return Marked()
