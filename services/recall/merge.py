"""Merging the channels' finds into one list; pure functions.

The order needs scores that compare across channels, but a cosine, a sum of similarities and a
popularity do not. Places do: an item is as good as its best place in a channel, in units of the
channel's quota. Items up to 1 are within a quota; the list goes on beyond it, from each channel in
proportion. So one order serves the quotas, the filling up of what an empty or failed channel
left, and the cut; and it does not depend on how many items are wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import F32, I32, I64, U32, Bools
from services.domain.candidates import Candidates, best_first
from services.domain.protocols import Fetched, Filter
from services.domain.stages import Dropped, RecallQuery

NOTHING = Fetched(np.empty(0, np.int32), np.empty(0, np.float32))  # of a channel that failed


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything the channels found for one query, each item once, in order of first appearance.

    Attributes:
        rows: int32 [n].
        places: by channel, the position in `rows` of each of its finds, best first.
        scores: by channel, the scores of its finds.
    """

    rows: I32
    places: tuple[I64, ...]
    scores: tuple[F32, ...]


def pool(fetched: Sequence[Fetched], item_count: int) -> Pool:
    """The union of what the channels found.

    Args:
        fetched: one per channel of the release, in the release's order; NOTHING when it failed.
        item_count: rows of the release.
    """
    rows = np.concatenate([found.rows for found in fetched])
    first = np.empty(item_count, np.int64)  # not initialised: only the rows found are touched
    first[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
    at = first[rows]
    new = at == np.arange(len(rows))
    position = (np.cumsum(new) - 1)[at]
    ends = np.cumsum([len(found.rows) for found in fetched])
    return Pool(
        rows[new],
        tuple(np.split(position, ends[:-1])),
        tuple(found.scores for found in fetched),
    )


def passing(
    found: Pool, filters: Sequence[Filter], query: RecallQuery
) -> tuple[Bools, tuple[Dropped, ...]]:
    """Which items pass all filters, bool [n]; for `explain`, what each filter took."""
    keep = np.ones(len(found.rows), np.bool_)
    dropped = []
    for rule in filters:
        passes = rule.apply(found.rows, query)
        if query.explain:
            dropped += _dropped(found, keep & ~passes, rule.name)
        keep &= passes
    return keep, tuple(dropped)


def merged(found: Pool, keep: Bools, quotas: F32, limit: int) -> tuple[Candidates, I64]:
    """The best `limit` of the items to keep, and their positions in the pool.

    Bits and scores say which channels have the item among their first `quota` items to keep: what
    the models were trained on, for a list of any length. Items beyond every quota, which only
    fill up, have those of all channels that found them.

    Args:
        found: from `pool`.
        keep: from `passing`.
        quotas: by channel, float32 [C]; a channel with quota 0 only fills up.
        limit: most items wanted.
    """
    places = tuple(place[keep[place]] for place in found.places)
    scores = tuple(s[keep[p]] for s, p in zip(found.scores, found.places, strict=True))
    best = _best_places(places, quotas, len(keep))
    index = best_first(-best, min(limit, int(np.count_nonzero(keep))))
    channels = np.zeros(len(keep), np.uint32)
    table = np.zeros((len(keep), len(places)), np.float32)
    for channel, (place, score) in enumerate(zip(places, scores, strict=True)):
        counts = best[place] > 1
        counts[: int(quotas[channel])] = True
        channels[place[counts]] |= np.uint32(1 << channel)
        table[place[counts], channel] = score[counts]
    return Candidates(found.rows[index], channels[index], table[index]), index


def left_out(found: Pool, keep: Bools, index: I64) -> tuple[Dropped, ...]:
    """What passed the filters and is beyond the limit, under the reason "quota"."""
    rest = keep.copy()
    rest[index] = False
    return tuple(_dropped(found, rest, "quota"))


def in_channel(channels: U32, channel: int) -> Bools:
    """Which candidates have a channel's bit, bool [n]."""
    return np.asarray((channels >> np.uint32(channel)) & np.uint32(1) == 1)


def _best_places(places: Sequence[I64], quotas: F32, count: int) -> F32:
    """Each item's best place in a channel by that channel's quota; infinite for other items."""
    best = np.full(count, np.inf, np.float32)
    for place, quota in zip(places, quotas, strict=True):
        share = np.arange(1, len(place) + 1, dtype=np.float32) / np.float32(max(quota, 1e-6))
        best[place] = np.minimum(best[place], share)
    return best


def _dropped(found: Pool, gone: Bools, reason: str) -> list[Dropped]:
    """The items that are gone with the bits of all channels that found them; none, no entry."""
    if not gone.any():
        return []
    channels = np.zeros(len(found.rows), np.uint32)
    for channel, place in enumerate(found.places):
        channels[place] |= np.uint32(1 << channel)
    return [Dropped(found.rows[gone], channels[gone], reason)]
