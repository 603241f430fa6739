"""What the ranker is fed, and how its tasks become one score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from models.schema.recall_features import owners, recall_features, rows_of
from models.schema.user_tower import Feed, UserEncoder, user_feed
from services.domain.arrays import F32, I64
from services.domain.stages import RankQuery

TASKS = ("interact", "like")  # like: given that the user interacts


@dataclass(frozen=True, slots=True)
class RankEncoder:
    """Feeds the ranker → `tasks` [N, T].

    Attributes:
        users: encoder of the user side.
        items: items as the ranker reads them, float32 [n, e].
        channel_count: recall channels of the release.
    """

    users: UserEncoder
    items: F32
    channel_count: int

    @staticmethod
    def open(folder: Path, channel_count: int | None = None) -> "RankEncoder":
        """Opens what the release in `folder` needs; the manifest tells the channels."""
        if channel_count is None:
            channel_count = len(Manifest.read(folder).channels)
        items = mapped(folder / layout.RANK_ITEMS)
        return RankEncoder(UserEncoder.open(folder), items, channel_count)

    def feed(self, queries: Sequence[RankQuery]) -> Feed:
        """One feed for B queries with N candidates in all.

        Returns:
            The user side as for the user tower; items float32 [N, e], user_of int64 [N],
            recall float32 [N, 3C]; slots int64 [B, M] and slot_of int64 [N], see `slots`.
        """
        history, fields = self.users.encode(
            [query.context for query in queries], [query.request for query in queries]
        )
        lists = [query.candidates for query in queries]
        table, slot_of = slots([len(candidates) for candidates in lists])
        return user_feed(history, fields, self.items) | {
            "items": np.asarray(self.items[rows_of(lists)]),
            "user_of": owners(lists),
            "recall": recall_features(lists, self.channel_count),
            "slots": table,
            "slot_of": slot_of,
        }


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
