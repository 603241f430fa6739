"""The rerank service over real gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from models.schema.parameters import Rerank
from services.chassis.channel import open_channel
from services.chassis.errors import StartupError
from services.chassis.server import started
from services.domain.context import RequestContext
from services.domain.outcome import Outcome, Reason
from services.domain.stages import (
    Reranked,
    RerankQuery,
    RuleNote,
    Slate,
)
from services.rerank import wire
from services.rerank.__main__ import mounted
from services.rerank.client import rerank_client
from services.rerank.pipeline import open_rerank
from services.rerank.settings import RerankSettings
from tests.unit.rerank.release import make_release

PARAMETERS = Rerank("mmr", 0.5, 3, 2, pins={"i7": 2}, blocks=("i0",))


def query(release: str = "r1", remaining: float = 1.0, k: int = 3) -> RerankQuery:
    rows = np.array([0, 1, 2, 3, 6], np.int32)
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32)
    return RerankQuery(release, RequestContext(5), rows, scores, k, remaining, explain=True)


@pytest_asyncio.fixture
async def channel(tmp_path) -> AsyncIterator[grpc.aio.Channel]:
    make_release(tmp_path, PARAMETERS)
    settings = RerankSettings(port=0, metrics_port=0, releases=str(tmp_path))
    async with (
        started("rerank", settings, mounted(settings)) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield channel


async def test_over_grpc_as_in_process(channel, tmp_path):
    (remote,) = await rerank_client(channel).call([query()], 5)
    (local,) = await open_rerank(tmp_path / "r1", RerankSettings()).run([query()])
    assert remote.value is not None
    assert local.value is not None
    assert remote.value.slate.rows.tolist() == local.value.slate.rows.tolist()
    assert remote.value.slate.scores.tolist() == local.value.slate.scores.tolist()
    assert remote.value.notes == local.value.notes
    assert (0, "blocks") in {(n.row, n.rule) for n in remote.value.notes}


async def test_each_query_fails_alone(channel):
    queries = [query(), query("other"), query(remaining=0), query(k=0), query()]
    outcomes = await rerank_client(channel).call(queries, 5)
    assert [o.failure and o.failure.reason for o in outcomes] == [
        None,
        Reason.RELEASE_NOT_LOADED,
        Reason.EXPIRED,
        Reason.INVALID,
        None,
    ]


async def test_columns_that_do_not_fit_fail_alone(channel):
    request = wire.encode_request([query(), query(), query()])
    request.queries[0].rows += b"\0"
    request.queries[1].scores = request.queries[1].scores[:-4]
    stub = rerank_pb2_grpc.RerankServiceStub(channel)
    outcomes = wire.decode_response(await stub.Rerank(request, timeout=5))
    assert [o.failure and o.failure.message for o in outcomes] == [
        "rows: 21 bytes are not a multiple of 4",
        "scores: 4 values, 5 expected",
        None,
    ]


async def test_too_many_queries_are_refused_as_a_whole(channel):
    request = rerank_pb2.RerankRequest(queries=[rerank_pb2.RerankQuery()] * 257)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await rerank_pb2_grpc.RerankServiceStub(channel).Rerank(request, timeout=5)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == "queries: 257, at most 256"


@pytest.mark.parametrize(
    ("rules", "said"),
    [("pins: {gone: 1}", "no such item in the release: gone"), ("bolcks: [i1]", "bolcks")],
)
async def test_a_wrong_rules_file_stops_the_start_and_is_named(tmp_path: Path, rules, said):
    make_release(tmp_path, PARAMETERS)
    file = tmp_path / "rules.yaml"
    file.write_text(rules)
    settings = RerankSettings(port=0, metrics_port=0, releases=str(tmp_path), rules_file=str(file))
    with pytest.raises(StartupError, match=said) as error:
        async with started("rerank", settings, mounted(settings)):
            pass
    assert error.value.hint == "correct the rules, or take them out"


floats = st.floats(allow_nan=False, width=32)


@given(
    st.lists(st.tuples(st.integers(0, 2**31 - 1), floats)), st.integers(0, 2**31 - 1), st.booleans()
)
def test_queries_survive_the_wire(pairs, k, explain):
    rows = np.array([row for row, _ in pairs], np.int32)
    scores = np.array([score for _, score in pairs], np.float32)
    request = RequestContext(3, "home", {"device": "tv"}, rows.astype(np.uint64), ("Drama",))
    sent = RerankQuery("r", request, rows, scores, k, 0.25, explain)
    (got,) = wire.decode_request(wire.encode_request([sent]))
    assert isinstance(got, RerankQuery)
    assert (got.release, got.k, got.remaining, got.explain) == ("r", k, 0.25, explain)
    assert got.rows.tolist() == rows.tolist()
    assert got.scores.tolist() == scores.tolist()
    assert got.request.exclude.tolist() == request.exclude.tolist()
    assert (got.request.now, got.request.placement) == (3, "home")
    assert got.request.categories == ("Drama",)


def test_answers_survive_the_wire():
    slate = Slate(np.array([4, 2], np.int32), np.array([0.5, 0.25], np.float32))
    reranked = Reranked(slate, (RuleNote(4, "pins", "pinned"),))
    failed: Outcome[Reranked] = Outcome.failed(Reason.INVALID, "k: 0")
    first, second = wire.decode_response(wire.encode_response([Outcome.of(reranked), failed]))
    assert first.value is not None
    assert first.value.slate.rows.tolist() == [4, 2]
    assert first.value.slate.scores.tolist() == [0.5, 0.25]
    assert first.value.notes == reranked.notes
    assert second == failed
