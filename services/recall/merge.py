"""Merging the channels' finds into one list; pure functions.

The order needs scores that compare across channels, but a cosine, a sum of similarities and a
popularity do not. Places do: an item is as good as its best place in a channel, in units of the
channel's quota. Items up to 1 are within a quota; the list goes on beyond it, from each channel in
proportion. So one measure serves the quotas, the filling up of what an empty or failed channel
left, and the cut. The order of what is chosen counts all channels that have an item: when the
stages after recall are away, it is the answer's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import F32, I32, I64, U32, Bools
from services.domain.candidates import Candidates, best_first
from services.domain.live import Live
from services.domain.protocols import Fetched, Filter
from services.domain.stages import Dropped, RecallQuery

FUSION = 5  # of 1, 5, 20 and 60 the best on validation events of two data sets

_SMALL, _NONE = np.float32(1e-6), np.float32(0)
NOTHING = Fetched(np.empty(0, np.int32), np.empty(0, np.float32))  # of a channel that failed


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything the channels found for one query, each item once, in order of first appearance.

    A find is an item in the list of a channel. Finds are by channel, best first.

    Attributes:
        rows: int32 [n].
        places: position in `rows` of each find, int64 [f].
        sizes: finds of each channel, int64 [C].
        scores: score of each find, float32 [f].
    """

    rows: I32
    places: I64
    sizes: I64
    scores: F32

    @property
    def bits(self) -> U32:
        """The bit of the channel of each find, uint32 [f]."""
        return bits_of(len(self.sizes)).repeat(self.sizes)


def pool(fetched: Sequence[Fetched], item_count: int) -> Pool:
    """The union of what the channels found.

    Args:
        fetched: one per channel of the release, in the release's order; NOTHING when it failed.
        item_count: rows there are: of the release and of new items, which have negative ones.
    """
    rows = np.concatenate([found.rows for found in fetched])
    at, numbers = rows.astype(np.intp), np.arange(len(rows))
    first = np.empty(item_count, np.intp)  # not initialised: only the rows found are touched
    first[at[::-1]] = numbers[::-1]
    first_of = first[at]
    new = first_of == numbers
    return Pool(
        rows.take(new.nonzero()[0]),
        (np.cumsum(new) - 1).take(first_of),
        np.array([len(found.rows) for found in fetched]),
        np.concatenate([found.scores for found in fetched]),
    )


def passing(
    found: Pool, filters: Sequence[Filter], query: RecallQuery, live: Live
) -> tuple[Bools, tuple[Dropped, ...]]:
    """Which items pass all filters, bool [n]; for `explain`, what each filter took."""
    keep = ~np.zeros(len(found.rows), np.bool_)
    dropped: list[Dropped] = []
    for rule in filters:
        passes = rule.apply(found.rows, query, live)
        if passes is None:
            continue
        if query.explain:
            dropped += taken(found, keep & ~passes, rule.name)
        keep &= passes
    return keep, tuple(dropped)


def merged(found: Pool, keep: Bools, quotas: F32, limit: int) -> tuple[Candidates, I64]:
    """The best `limit` of the items to keep, and their positions in the pool.

    Chosen by their best place in a channel, in units of its quota; ordered by reciprocal rank
    fusion (Cormack et al. 2009), sum of quota / (FUSION + place) over the channels that count: an
    item that several channels rank high is better than one that only one does.

    Bits and scores say which channels have the item among their first `quota` items to keep: what
    the models were trained on, for a list of any length. Items beyond every quota, which only
    fill up, have those of all channels that found them.

    Args:
        found: from `pool`.
        keep: from `passing`.
        quotas: by channel, float32 [C]; a channel with quota 0 only fills up.
        limit: most items wanted.
    """
    places, sizes = found.places, found.sizes
    orders = _orders(keep.take(places), sizes)
    shares = orders.astype(np.float32) / np.maximum(quotas, _SMALL).repeat(sizes)
    best = np.full(len(keep), np.inf, np.float32)
    np.minimum.at(best, places, shares)
    best[~keep] = np.inf  # what is not kept has no place; what it is given below is not used
    index = best_first(-best, min(limit, int(np.count_nonzero(keep))))
    counts = (shares <= 1) | (best > 1).take(places)
    channels, scores = _columns(found, counts)
    votes = quotas.repeat(sizes) / (FUSION + orders) * counts
    fused = np.bincount(places, votes, len(keep)).astype(np.float32)
    fused[best <= 1] += quotas.sum()  # what only fills up comes last
    index = index[best_first(fused[index], len(index))]
    return Candidates(found.rows[index], channels[index], scores.take(index, axis=0)), index


def _columns(found: Pool, counts: Bools) -> tuple[U32, F32]:
    """Bits and scores of the finds that count, by item: uint32 [n] and float32 [n, C]."""
    count, width = len(found.rows), len(found.sizes)
    channels = np.zeros(count, np.uint32)
    np.add.at(channels, found.places, found.bits * counts)  # once a channel: the sum is the union
    scores = np.zeros((count, width), np.float32)
    cells = found.places * width + np.arange(width).repeat(found.sizes)
    scores.reshape(-1)[cells] = np.where(counts, found.scores, _NONE)
    return channels, scores


def _orders(kept: Bools, sizes: I64) -> I64:
    """Place of each find among those of its channel that are kept, from 1, int64 [f].

    Of one that is not kept, that of the one before it.
    """
    before = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    starts = np.cumsum(sizes) - sizes
    return before[1:] - before.take(starts).repeat(sizes)


def first_new(found: Pool, keep: Bools, most: int) -> Bools:
    """`keep` without what is beyond the first `most` new items."""
    newer = (keep & (found.rows < 0)).nonzero()[0]
    if len(newer) <= most:
        return keep
    fewer = keep.copy()
    fewer[newer[most:]] = False
    return fewer


def left_out(keep: Bools, index: I64) -> Bools:
    """What was to be kept and is not among the positions `index`, bool [n]."""
    rest = keep.copy()
    rest[index] = False
    return rest


def taken(found: Pool, gone: Bools, reason: str) -> tuple[Dropped, ...]:
    """The items that are gone with the bits of all channels that found them; none, no entry."""
    if not gone.any():
        return ()
    channels = np.zeros(len(found.rows), np.uint32)
    np.bitwise_or.at(channels, found.places, found.bits)
    return (Dropped(found.rows[gone], channels[gone], reason),)


def by_channel(channels: U32, count: int) -> I64:
    """How many candidates have the bit of each of `count` channels, int64 [count]."""
    return np.asarray(((channels & bits_of(count)[:, None]) > 0).sum(axis=1))


def bits_of(count: int) -> U32:
    """The bit of each of `count` channels, uint32 [count]."""
    return np.uint32(1) << np.arange(count, dtype=np.uint32)
