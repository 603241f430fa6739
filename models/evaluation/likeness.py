"""How alike the lists of two releases are, through the stages that serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from models.evaluation.funnel import Funnel
from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.manifest import Manifest
from services.domain.arrays import I32, U64
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import EventType
from services.domain.list_difference import overlap, rank_correlation, score_drift
from services.domain.stages import Slate

BATCH = 50
LENGTH = 50  # of histories
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Pair:
    """The lists of one user by two releases.

    Attributes:
        history: the user's items, newest first.
        lists: ids of the items of each list.
        overlap, correlation, drift: of the lists; see services/domain/list_difference.py.
    """

    history: tuple[str, ...]
    lists: tuple[tuple[str, ...], tuple[str, ...]]
    overlap: float
    correlation: float
    drift: float


async def compare(first: Path, second: Path, users: int) -> list[Pair]:
    """Lists of both releases for the same users; see `histories` of the first.

    Raises:
        ReleaseError: when one of them cannot serve.
    """
    one, other = Funnel.open(first), Funnel.open(second)
    contexts = histories(first, users)
    pairs: list[Pair] = []
    for start in range(0, len(contexts), BATCH):
        part = contexts[start : start + BATCH]
        now = RequestContext(now=_made(first))
        here, there = await _lists(one, part, now), await _lists(other, part, now)
        for context, mine, theirs in zip(part, here, there, strict=True):
            pairs.append(_pair(one, other, context, (mine, theirs)))
    return pairs


def histories(folder: Path, users: int) -> list[UserContext]:
    """Users of the release's golden requests, and then some with one popular item each."""
    keys, made = mapped(folder / layout.CATALOG_KEYS), _made(folder)
    popular = np.load(folder / layout.POPULAR_ROWS)[:users]
    rows = [*_golden_rows(folder), *popular[:, None]][:users]
    return [
        UserContext(f"user {at}", known=True, history=_history(keys[took], made))
        for at, took in enumerate(rows)
    ]


def _golden_rows(folder: Path) -> list[I32]:
    """Rows of the histories of the golden requests, newest first: items are told by their vectors.

    Items with one and the same vector are one and the same to the user tower.
    """
    table = mapped(folder / layout.USER_TOWER_ITEMS)
    row_of = {vector.tobytes(): row for row, vector in enumerate(table)}
    with np.load(folder / layout.GOLDEN_USER_TOWER, allow_pickle=False) as golden:
        asked = zip(golden["in_history"], golden["in_mask"] > 0, strict=True)
        found = [
            [row_of.get(vector.tobytes(), -1) for vector in vectors[known]]
            for vectors, known in asked
        ]
    return [np.array([row for row in rows if row >= 0], np.int32) for rows in found]


def _history(keys: U64, now: int) -> History:
    keys = keys[:LENGTH]
    n = len(keys)
    times = now - HOUR * np.arange(1, n + 1)
    return History(
        keys,
        times.astype(np.uint32),
        np.full(n, EventType.CLICK, np.uint8),
        np.zeros(n, np.float32),
    )


async def _lists(
    funnel: Funnel, contexts: Sequence[UserContext], now: RequestContext
) -> list[Slate]:
    return [trail.final.slate for trail in await funnel.run(contexts, [now] * len(contexts))]


def _pair(
    one: Funnel,
    other: Funnel,
    context: UserContext,
    lists: tuple[Slate, Slate],
) -> Pair:
    here, there = lists
    keys, other_keys = one.catalog.keys[here.rows], other.catalog.keys[there.rows]
    return Pair(
        _ids(one.catalog, one.catalog.rows_of(context.history.keys)),
        (_ids(one.catalog, here.rows), _ids(other.catalog, there.rows)),
        overlap(keys, other_keys),
        rank_correlation(keys, other_keys),
        score_drift(keys, here.scores, other_keys, there.scores),
    )


def _ids(catalog: Catalog, rows: I32) -> tuple[str, ...]:
    return tuple(catalog.ids[row] for row in rows.tolist())


def _made(folder: Path) -> int:
    return int(datetime.fromisoformat(Manifest.read(folder).created).timestamp())
