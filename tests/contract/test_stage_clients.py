"""The laws every stage keeps, in process and behind gRPC, and that both give the same."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.schema import layout
from models.schema.manifest import Manifest
from recstack.standalone import in_process
from services.chassis.server import Mount, started
from services.chassis.settings import ServerSettings
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, UserContext
from services.domain.events import Event, EventType
from services.domain.outcome import Outcome, Reason
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    RecallQuery,
    RerankQuery,
    SimilarQuery,
)
from services.domain.user_state import (
    AppendEventsQuery,
    ContextQuery,
    EraseQuery,
    MarkShownQuery,
    ProfileQuery,
)
from services.feature_store.servicer import mount as mount_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.remote import grpc_stages
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.prerank.__main__ import mounted as prerank
from services.prerank.settings import PrerankSettings
from services.rank.__main__ import mounted as rank
from services.rank.settings import RankSettings
from services.recall.__main__ import mounted as recall
from services.recall.settings import RecallSettings
from services.rerank.__main__ import mounted as rerank
from services.rerank.settings import RerankSettings
from tests.redis import RedisServer, redis_server
from tests.releases import release

__all__ = ["redis_server", "release"]

REQUEST = RequestContext(now=1_800_000_000)
TIMEOUT = 30.0


@dataclass(frozen=True)
class World:
    """What queries are made from: the release's name, keys and sizes."""

    release: str
    keys: np.ndarray
    channels: int

    def context(self, seed: int) -> UserContext:
        random = np.random.default_rng(seed)
        length = seed % 7  # an empty history among them
        history = History(
            random.choice(self.keys, length, replace=False),
            (np.uint32(1_700_000_000) - np.arange(length, dtype=np.uint32) * np.uint32(60)),
            np.full(length, EventType.CLICK, np.uint8),
            np.zeros(length, np.float32),
        )
        return UserContext(f"user-{seed}", known=length > 0, history=history)

    def candidates(self, seed: int) -> Candidates:
        random = np.random.default_rng(seed)
        count = 10 + seed % 5
        return Candidates(
            random.choice(len(self.keys), count, replace=False).astype(np.int32),
            random.integers(1, 2**self.channels, count).astype(np.uint32),
            random.random((count, self.channels)).astype(np.float32),
        )


def marks(world: World, seed: int) -> MarkShownQuery:
    return MarkShownQuery(f"user-{seed}", world.keys[: seed + 1], REQUEST.now, 10.0)


def events(world: World, seed: int) -> AppendEventsQuery:
    event = Event(f"event-{seed}", int(world.keys[seed]), EventType.CLICK, REQUEST.now)
    return AppendEventsQuery(f"user-{seed}", (event,) * (1 + seed % 2), 10.0)


def prerank_query(world: World, seed: int) -> PrerankQuery:
    context, candidates = world.context(seed), world.candidates(seed)
    empty = np.empty(0, np.float32)
    return PrerankQuery(world.release, context, REQUEST, candidates, empty, 10.0)


def rank_query(world: World, seed: int) -> RankQuery:
    context, candidates = world.context(seed), world.candidates(seed)
    return RankQuery(world.release, context, REQUEST, candidates, 10.0, np.empty(0, np.float32))


def rerank_query(world: World, seed: int) -> RerankQuery:
    rows = world.candidates(seed).rows
    scores = np.linspace(1, 0, len(rows), dtype=np.float32)
    return RerankQuery(world.release, REQUEST, rows, scores, 5, 10.0, explain=True)


def outside(query: Any) -> Any:
    """The query with a row that no release has."""
    rows = query.candidates.rows.copy()
    rows[0] = 10**6
    return replace(query, candidates=replace(query.candidates, rows=rows))


def repeated(query: RerankQuery) -> RerankQuery:
    return replace(query, rows=np.zeros_like(query.rows))


@dataclass(frozen=True)
class Call:
    """One stage call: a query by seed, and how to spoil one."""

    query: Callable[[World, int], Any]
    spoil: Callable[[Any], Any] | None = None


# A new stage is one line here; the names are those of Stages.
CALLS: dict[str, Call] = {
    "contexts": Call(lambda _, seed: ContextQuery(f"user-{seed}", 10.0)),
    "recall": Call(lambda w, s: RecallQuery(w.release, w.context(s), REQUEST, 30, 10.0, True)),
    "similar": Call(
        lambda w, s: SimilarQuery(w.release, int(w.keys[s]), 5, 10.0),
        lambda query: replace(query, key=1),
    ),
    "prerank": Call(prerank_query, outside),
    "rank": Call(rank_query, outside),
    "rerank": Call(rerank_query, repeated),
    "marks": Call(marks),
    "events": Call(events),
    "profiles": Call(
        lambda _, seed: ProfileQuery(f"user-{seed}", {"age": str(seed)}, 10.0),
        lambda query: replace(query, profile={"": "no name"}),
    ),
    "erasures": Call(
        lambda _, seed: EraseQuery(f"gone-{seed}", 10.0), lambda query: replace(query, user_id="")
    ),
}

every_call = pytest.mark.parametrize("name", CALLS)
OF_RELEASES = {"recall", "similar", "prerank", "rank", "rerank"}
every_release_call = pytest.mark.parametrize("name", sorted(OF_RELEASES))
every_placement = pytest.mark.parametrize("placement", ["in process", "grpc"])


def test_every_stage_is_here() -> None:
    beside = {"addresses", "holders", "anew"}
    assert {field.name for field in fields(Stages)} == {*CALLS, *beside}


@every_placement
async def test_a_lane_has_the_calls_of_releases_anew(placement: str, world: World) -> None:
    async with stages_at(placement) as stages:
        lane = stages.lane()
        fresh = {name for name in CALLS if getattr(lane, name) is not getattr(stages, name)}
        assert fresh == (OF_RELEASES if placement == "grpc" else set())
        for name in fresh:
            (outcome,) = await ask(lane, name, [CALLS[name].query(world, 1)])
            assert outcome.failure is None


@pytest.fixture
def world(release: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> World:
    """The release and Redis are where the settings of every stage look."""
    monkeypatch.setenv("RECSTACK_FEATURE_STORE_REDIS_URL", redis_server.url)
    for service in ("RECALL", "PRERANK", "RANK", "RERANK", "GATEWAY"):
        monkeypatch.setenv(f"RECSTACK_{service}_RELEASES", str(release.parent))
    channels = len(Manifest.read(release).channels)
    return World(release.name, np.load(release / layout.CATALOG_KEYS), channels)


@asynccontextmanager
async def stages_at(placement: str) -> AsyncIterator[Stages]:
    async with AsyncExitStack() as stack:
        if placement == "in process":
            yield await in_process(GatewaySettings(), stack)
            return
        addresses = {
            name: f"127.0.0.1:{await _serving(name, mount, stack)}"
            for name, mount in _mounts().items()
        }
        yield await grpc_stages(GatewaySettings().model_copy(update=addresses), stack)


def _mounts() -> dict[str, Mount]:
    store = FeatureStoreSettings()
    return {
        "feature_store": lambda server, stack: mount_feature_store(store, server, stack),
        "recall": recall(RecallSettings()),
        "prerank": prerank(PrerankSettings()),
        "rank": rank(RankSettings()),
        "rerank": rerank(RerankSettings()),
    }


async def _serving(name: str, mount: Mount, stack: AsyncExitStack) -> int:
    settings = ServerSettings(port=0)
    return (await stack.enter_async_context(started(name, settings, mount))).port


async def ask(stages: Stages, name: str, queries: Sequence[Any]) -> Sequence[Outcome[Any]]:
    return await getattr(stages, name).call(queries, TIMEOUT)


@every_call
@every_placement
async def test_a_batch_gives_what_each_query_gives_alone(
    placement: str, name: str, world: World
) -> None:
    async with stages_at(placement) as stages:
        queries = [CALLS[name].query(world, seed) for seed in range(8)]
        if name in ("marks", "events"):  # writing twice is not writing once: repeat it first
            await ask(stages, name, queries)
        batch = await ask(stages, name, queries)
        alone = [(await ask(stages, name, [query]))[0] for query in queries]
    assert len(batch) == len(queries)
    for together, single in zip(batch, alone, strict=True):
        assert together.failure is None, together.failure
        assert_same(together.value, single.value, tolerance=1e-5)


@every_call
@every_placement
async def test_an_empty_batch_and_an_expired_query(placement: str, name: str, world: World) -> None:
    async with stages_at(placement) as stages:
        assert list(await ask(stages, name, [])) == []
        late = replace(CALLS[name].query(world, 1), remaining=0.0)
        outcomes = await ask(stages, name, [late, CALLS[name].query(world, 2)])
    assert outcomes[0].failure is not None
    assert outcomes[0].failure.reason is Reason.EXPIRED
    assert outcomes[1].failure is None


@every_release_call
@every_placement
async def test_a_release_that_is_not_loaded_fails_alone(
    placement: str, name: str, world: World
) -> None:
    async with stages_at(placement) as stages:
        query = CALLS[name].query(world, 1)
        outcomes = await ask(stages, name, [query, replace(query, release="absent"), query])
    assert [o.failure and o.failure.reason for o in outcomes] == [
        None,
        Reason.RELEASE_NOT_LOADED,
        None,
    ]


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.spoil])
@every_placement
async def test_a_bad_query_fails_alone(placement: str, name: str, world: World) -> None:
    spoil = CALLS[name].spoil
    assert spoil is not None
    async with stages_at(placement) as stages:
        query = CALLS[name].query(world, 1)
        outcomes = await ask(stages, name, [query, spoil(query), query])
    assert [o.failure and o.failure.reason for o in outcomes] == [None, Reason.INVALID, None]
    assert outcomes[1].failure is not None
    assert outcomes[1].failure.message


@every_call
async def test_both_placements_give_the_same(name: str, world: World) -> None:
    queries = [CALLS[name].query(world, seed) for seed in range(8)]
    async with stages_at("in process") as inside, stages_at("grpc") as remote:
        if name in ("marks", "events"):
            await ask(inside, name, queries)
        expected = await ask(inside, name, queries)
        actual = await ask(remote, name, queries)
    for near, far in zip(expected, actual, strict=True):
        assert near.failure is None
        assert_same(near.value, far.value, tolerance=0.0)


def assert_same(left: Any, right: Any, tolerance: float) -> None:
    """Equal all the way down; arrays within the tolerance, times not compared."""
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other, tolerance)
    elif hasattr(left, "__dataclass_fields__"):
        for field in fields(left):
            if field.name != "seconds":
                assert_same(getattr(left, field.name), getattr(right, field.name), tolerance)
    else:
        assert left == right
