"""A small release and stages in memory: real ones, scripted by the test."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, hash_files
from models.schema.parameters import Parameters, Rerank
from models.schema.strings import StringColumn
from services.domain.candidates import Candidates
from services.domain.context import History, Seen, UserContext
from services.domain.ids import item_key, item_keys
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
    Similar,
    SimilarQuery,
    Slate,
)
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    Marked,
    MarkShownQuery,
    ProfileQuery,
    Stored,
)
from services.gateway.admission.admission import Admission
from services.gateway.catalog.open import Catalog
from services.gateway.gateway import Gateway
from services.gateway.lanes.lane import Routing
from services.gateway.pipeline import make_gateway
from services.gateway.release import GatewayRelease
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages

ITEMS = 60
IDS = [f"item-{row}" for row in range(ITEMS)]
CATEGORIES = ("even", "odd")
TAGS = ("tag-0", "tag-1", "tag-2")
CHANNELS = ("two_tower", "item_cf", "popular")
BLOCKED = 7

Q = TypeVar("Q")
R = TypeVar("R")


def make_release(
    folder: Path,
    pins: Mapping[str, int] | None = None,
    release_id: str = "r1",
    ids: Sequence[str] = IDS,
) -> GatewayRelease:
    """Row r has the id item-r, the category of its parity, the tag of its remainder by 3, and is
    the r-th most popular. `ids`: others, as many."""
    for name in ("catalog", "recall"):
        (folder / name).mkdir(parents=True)
    np.save(folder / layout.CATALOG_KEYS, item_keys(ids))
    np.save(folder / layout.CATALOG_CATEGORY_OFFSETS, np.arange(ITEMS + 1))
    np.save(folder / layout.CATALOG_CATEGORY_CODES, np.arange(ITEMS, dtype=np.int32) % 2)
    np.save(folder / layout.CATALOG_TAG_OFFSETS, np.arange(ITEMS + 1))
    np.save(folder / layout.CATALOG_TAG_CODES, np.arange(ITEMS, dtype=np.int32) % 3)
    np.save(folder / layout.POPULAR_ROWS, np.arange(ITEMS, dtype=np.int32))
    np.save(folder / layout.POPULAR_SCORES, np.linspace(1, 0.1, ITEMS, dtype=np.float32))
    StringColumn.write(folder / layout.CATALOG_IDS, ids)
    StringColumn.write(folder / layout.CATALOG_TITLES, [f"Title {row}" for row in range(ITEMS)])
    schema = FeatureSchema(categories=CATEGORIES, tags=TAGS)
    schema.write(folder)
    rules = Rerank(pins=pins or {}, blocks=(IDS[BLOCKED],))
    Parameters(quotas={}, blend=(), rerank=rules).write(folder)
    Manifest(
        id=release_id,
        created="2026-01-01T00:00:00Z",
        code_version="0",
        schema_hash=schema.hash,
        data_fingerprint="",
        data_name="by hand",
        channels=CHANNELS,
        tasks=("interact", "like"),
        metrics={},
        metrics_protocol="",
        files=hash_files(folder),
    ).write(folder)
    return GatewayRelease(folder)


@dataclass
class Scripted(Generic[Q, R]):
    """A stage in memory.

    `mode`: ok, hang, call_error, crash, refuse, invalid, two (results), or wrong.
    """

    answer: Callable[[Q], R]
    wrong: Any = None
    mode: str = "ok"
    queries: list[Q] = field(default_factory=list)

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        self.queries += queries
        match self.mode:
            case "hang":
                await asyncio.Event().wait()
            case "call_error":
                raise CallError(Failure(Reason.UNAVAILABLE, "connection refused"))
            case "crash":
                raise ZeroDivisionError("secret detail")
            case "refuse":
                return [Outcome.failed(Reason.RELEASE_NOT_LOADED, "r1") for _ in queries]
            case "invalid":
                return [Outcome.failed(Reason.INVALID, "no such item") for _ in queries]
            case "two":
                return [Outcome.of(self.answer(query)) for query in queries] * 2
            case "wrong":
                return [Outcome.of(self.wrong) for _ in queries]
        return [Outcome.of(self.answer(query)) for query in queries]


class Store:
    """Users in memory: what was shown is seen, what was recorded is in the history."""

    def __init__(self) -> None:
        self.shown: dict[str, list[int]] = {}
        self.events: dict[str, list[int]] = {}
        self.profiles: dict[str, dict[str, str]] = {}

    def context(self, query: ContextQuery) -> UserContext:
        user = query.user_id
        if not any(user in known for known in (self.shown, self.events, self.profiles)):
            return UserContext.unknown(user)
        keys = np.array(self.events.get(user, [])[::-1], np.uint64)
        n = len(keys)
        history = History(
            keys, np.zeros(n, np.uint32), np.full(n, 2, np.uint8), np.zeros(n, np.float32)
        )
        seen = Seen(np.array(self.shown.get(user, [])[::-1], np.uint64))
        profile = self.profiles.get(user, {"age": "33"})
        return UserContext(user, known=True, profile=profile, history=history, seen=seen)

    def mark(self, query: MarkShownQuery) -> Marked:
        self.shown.setdefault(query.user_id, []).extend(query.keys.tolist())
        return Marked()

    def append(self, query: AppendEventsQuery) -> Appended:
        self.events.setdefault(query.user_id, []).extend(event.key for event in query.events)
        return Appended(len(query.events), 0)

    def put(self, query: ProfileQuery) -> Stored:
        self.profiles[query.user_id] = dict(query.profile)
        return Stored()

    def erase(self, query: EraseQuery) -> Erased:
        parts: list[dict[str, Any]] = [self.shown, self.events, self.profiles]
        return Erased(sum(part.pop(query.user_id, None) is not None for part in parts) > 0)


def recall(query: RecallQuery) -> Recalled:
    """The unseen items of rows 0 to 49, in order; two_tower recalls all, item_cf even rows."""
    keys = item_keys(IDS[:50])
    keep = ~query.context.has_seen(keys) & ~np.isin(keys, query.request.exclude)
    numbers = np.arange(50)
    if query.request.categories:
        keep &= np.isin(np.array(CATEGORIES)[numbers % 2], query.request.categories)
    for tag in query.request.tags:
        keep &= np.array(TAGS)[numbers % 3] == tag
    rows = np.flatnonzero(keep).astype(np.int32)[: query.limit]
    scores = np.zeros((len(rows), len(CHANNELS)), np.float32)
    scores[:, 0] = 1 - rows / 100
    scores[rows % 2 == 0, 1] = 0.5
    channels = np.where(rows % 2 == 0, 3, 1).astype(np.uint32)
    return Recalled(Candidates(rows, channels, scores), np.ones(4, np.float32))


def prerank(query: PrerankQuery) -> Scores:
    """Higher rows are better."""
    return Scores(query.candidates.rows.astype(np.float32))


def rank(query: RankQuery) -> Scores:
    """Lower rows are better."""
    blended = 1 / (1 + query.candidates.rows.astype(np.float32))
    return Scores(blended, np.stack([blended, blended / 2], axis=1))


def rerank(query: RerankQuery) -> Reranked:
    """The first k."""
    return Reranked(Slate(query.rows[: query.k], query.scores[: query.k]))


def similar(query: SimilarQuery) -> Similar:
    """The items after this one."""
    row = next(r for r in range(ITEMS) if item_key(IDS[r]) == query.key)
    rows = np.arange(row + 1, min(row + 1 + query.limit, ITEMS), dtype=np.int32)
    return Similar(rows, np.linspace(1, 0.5, len(rows), dtype=np.float32))


@dataclass
class World:
    """A gateway over scripted stages."""

    gateway: Gateway
    store: Store
    stages: dict[str, Scripted[Any, Any]]

    def __getitem__(self, stage: str) -> Scripted[Any, Any]:
        return self.stages[stage]


def make_world(
    release: GatewayRelease | Routing,
    clock: Callable[[], float] = time.monotonic,
    catalog: Catalog | None = None,
    admission: Admission | None = None,
    **settings: Any,
) -> World:
    """A gateway whose stages all answer, until a test sets their modes."""
    store = Store()
    nan = np.array([np.nan], np.float32)
    stages: dict[str, Scripted[Any, Any]] = {
        "contexts": Scripted(store.context),
        "recall": Scripted(
            recall,
            wrong=Recalled(
                Candidates(
                    np.array([ITEMS], np.int32),
                    np.ones(1, np.uint32),
                    np.ones((1, 3), np.float32),
                ),
                np.ones(4, np.float32),
            ),
        ),
        "similar": Scripted(similar, wrong=Similar(np.array([-1], np.int32), nan)),
        "prerank": Scripted(prerank, wrong=Scores(np.ones(3, np.float32))),
        "rank": Scripted(rank, wrong=Scores(np.full(50, np.nan, np.float32))),
        "rerank": Scripted(
            rerank, wrong=Reranked(Slate(np.array([1, 1], np.int32), np.ones(2, np.float32)))
        ),
        "marks": Scripted(store.mark),
        "events": Scripted(store.append),
        "profiles": Scripted(store.put),
        "erasures": Scripted(store.erase),
    }
    config = GatewaySettings(**settings)
    gateway = make_gateway(release, Stages(**stages), config, clock, catalog, admission=admission)
    return World(gateway, store, stages)
