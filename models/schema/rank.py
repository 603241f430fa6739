"""What the ranker is fed, and how its tasks become one score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.inline import inline_of, rows_of, typical
from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from models.schema.prerank import user_vectors
from models.schema.recall_features import owners, recall_features
from models.schema.user_tower import Feed, UserEncoder, user_feed
from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates
from services.domain.inline import NO_INLINE, extended
from services.domain.stages import RankQuery

TASKS = ("interact", "like")  # like: given that the user interacts


@dataclass(frozen=True, slots=True)
class RankEncoder:
    """Feeds the ranker → `tasks` [N, T].

    Attributes:
        users: encoder of the user side.
        vectors: item vectors of recall, float32 [n, d].
        items: items as the ranker reads them, learnt, by takers, static, float32 [n, e + k + g].
        typical: static features of an inline item, float32 [g].
        channel_count: recall channels of the release.
    """

    users: UserEncoder
    vectors: F32
    items: F32
    typical: F32
    channel_count: int

    @staticmethod
    def open(folder: Path, channel_count: int | None = None) -> "RankEncoder":
        """Opens what the release in `folder` needs; the manifest tells the channels."""
        if channel_count is None:
            channel_count = len(Manifest.read(folder).channels)
        return RankEncoder(
            UserEncoder.open(folder),
            mapped(folder / layout.VECTORS),
            mapped(folder / layout.RANK_ITEMS),
            typical(mapped(folder / layout.PRERANK_ITEMS)),
            channel_count,
        )

    def content(self, queries: Sequence[RankQuery]) -> F32:
        """Content features of the inline items of all queries, float32 [M, f]; for the tower."""
        return inline_of([query.candidates for query in queries]).features

    def feed(self, queries: Sequence[RankQuery], learnt: F32 = NO_INLINE.features) -> Feed:
        """One feed for B queries with N candidates in all.

        Args:
            learnt: what the content tower gives for `content`, float32 [M, e].

        Returns:
            The user side as for the user tower; items float32 [N, e + g], user_of int64 [N],
            recall float32 [N, 1 + 3C + S], which begins with the similarity of user and item;
            slots int64 [B, M] and slot_of int64 [N], see `slots`.
        """
        history, fields = self.users.encode(
            [query.context for query in queries], [query.request for query in queries]
        )
        lists = [query.candidates for query in queries]
        rows, inline = rows_of(lists), inline_of(lists)
        statics = np.broadcast_to(self.typical, (len(inline), len(self.typical)))
        table, slot_of = slots([len(candidates) for candidates in lists])
        vectors = extended(self.vectors, inline.vectors, rows)
        users = user_vectors([query.user_vector for query in queries], self.vectors.shape[1])
        return user_feed(history, fields, self.items) | {
            "items": extended(self.items, np.hstack([learnt, statics]), rows),
            "user_of": owners(lists),
            "recall": rank_features(users, vectors, lists, self.channel_count),
            "slots": table,
            "slot_of": slot_of,
        }


def rank_features(users: F32, vectors: F32, lists: Sequence[Candidates], channel_count: int) -> F32:
    """user . item beside the features of recall, float32 [N, 1 + 3C + S].

    Args:
        users: vectors of the users, float32 [B, d]; zeros where recall gave none.
        vectors: of the candidates, float32 [N, d].
    """
    ends = np.cumsum([len(candidates) for candidates in lists])[:-1]
    parts = zip(users, np.split(vectors, ends), strict=True)
    similar = [part @ user for user, part in parts]
    return np.hstack([np.concatenate(similar)[:, None], recall_features(lists, channel_count)])


def slots(sizes: Sequence[int]) -> tuple[I64, I64]:
    """Places of candidates in a [B, M] grid, M the longest list: attention is one product a user.

    Returns:
        slots int64 [B, M]: the candidate in each place, 0 where there is none;
        slot_of int64 [N]: the place of each candidate in the flattened grid.
    """
    lengths = np.asarray(sizes, np.int64)
    width = int(lengths.max(initial=0))
    filled = np.arange(width) < lengths[:, None]
    table = np.zeros(filled.shape, np.int64)
    table[filled] = np.arange(lengths.sum())
    return table, np.flatnonzero(filled)


def blend(tasks: F32, parameters: Parameters) -> F32:
    """Product over tasks of probability ** exponent: tasks [N, T] → float32 [N]."""
    exponents = np.asarray(parameters.blend, np.float32)
    return np.asarray(np.prod(tasks**exponents, axis=1), np.float32)
