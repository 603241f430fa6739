"""Served lists that the ranker may learn from: nothing of what is held out is in them."""

import numpy as np

from models.data.impressions import Impression, Impressions, read_impressions
from models.training.source import Source
from models.training.split import Split
from services.domain.arrays import I64


def served_lists(source: Source, split: Split) -> Impressions:
    """The lists of the served log, with recall scores by the channels of the release.

    Of a user who is held out: those before the validation event, and of them none from which an
    item was taken that is to be predicted. Without a log: none.

    Raises:
        DataError: the log cannot be read.
    """
    if source.served is None:
        return Impressions(source.channels)
    every = read_impressions(source.served, source.log.keys, source.channels)
    known = _HeldOut(source, split)
    lists = [one for one in every.lists if known.allows(one)]
    source.report(f"{len(lists):,} of {len(every):,} served lists")(1.0)
    return Impressions(every.channels, lists)


class _HeldOut:
    """What is held out of each user: from which time on, and which items."""

    def __init__(self, source: Source, split: Split) -> None:
        log, users = source.log, split.held_out
        first = log.offsets[users] + split.slice_end[users]
        last = log.offsets[users] + split.test[users]
        held: list[tuple[int, I64]] = [
            (int(log.times[a]), log.rows[[a, b]]) for a, b in zip(first, last, strict=True)
        ]
        self._of = dict(zip((log.user_ids[user] for user in users), held, strict=True))

    def allows(self, one: Impression) -> bool:
        held = self._of.get(one.context.user_id)
        if held is None:
            return True
        time, rows = held
        taken = one.candidates.rows[one.exposed[one.clicked]]
        return one.request.now < time and not np.isin(taken, rows).any()
