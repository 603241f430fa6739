"""`recstack load` as a process of its own, against real servers."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from tests.integration.stack import Stack, stack
from tests.redis import free_port, own_redis
from tests.releases import release

__all__ = ["own_redis", "release", "stack"]

RECSTACK = Path(sys.executable).with_name("recstack")
STALL = 1.0
FIRST = 60  # calls before the stall


async def loaded(folder: Path, *options: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what was said, and the report; empty: none was written."""
    command = (RECSTACK, "load", "--report", str(folder), *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    out, errors = await process.communicate()
    reports = list(folder.glob("*/report.json"))
    report = json.loads(reports[0].read_text()) if reports else {}
    assert process.returncode is not None
    return process.returncode, (out + errors).decode(), report


class Stalling(gateway_pb2_grpc.RecommendationServiceServicer):
    """Answers at once, but for one second in which it answers nobody."""

    def __init__(self) -> None:
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()

    async def Recommend(self, request: Any, context: Any) -> pb.RecommendResponse:  # noqa: N802
        self.calls += 1
        if self.calls == FIRST:
            self.open.clear()
            asyncio.get_running_loop().call_later(STALL, self.open.set)
        await self.open.wait()
        return pb.RecommendResponse(items=[pb.RecommendedItem(item_id="1")], release="none")


@pytest.fixture
async def stalling() -> AsyncIterator[str]:
    """Address of the server."""
    server = grpc.aio.server()
    gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(Stalling(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_a_stall_of_the_server_is_seen_by_all_who_came_in_it(
    stalling: str, tmp_path: Path
) -> None:
    options = ("--rate", "50", "--seconds", "4", "--warm", "0", "--deadline", "5")
    # One connection: a caller that waited for its answer would see the stall once.
    code, said, report = await loaded(
        tmp_path, "--address", stalling, *options, "--connections", "1", "--feedback", "none"
    )
    lists = report["result"]["lists"]
    assert (code, report["holds"]) == (1, False), said  # P99 is an SLO
    assert "**no**" in said
    assert lists["failed"] == report["result"]["sender"]["unfinished"] == 0
    # 50/s for 4 s, of which 1 s waits from 1 s down to 0: a quarter of all calls.
    assert lists["p99_ms"] > 900
    assert lists["p90_ms"] > 400
    assert max(report["result"]["line"]["p50_ms"]) > 300


async def test_a_load_on_a_stack_is_answered_and_reported(stack: Stack, tmp_path: Path) -> None:
    address = f"127.0.0.1:{stack.port}"
    url = f"http://127.0.0.1:{stack.settings.http_port}"
    # A next page is asked for when the list before has come: 17 times with this seed when answers
    # take 1 s, 3 times when they take 2.5 s.
    options = ("--rate", "20", "--seconds", "4", "--warm", "0.5", "--http", "0.5", "--seed", "1")
    slow = ("--deadline", "30", "--p99", "30000", "--late", "1")
    lenient = (*slow, "--degraded", "1", "--refused", "1", "--short", "1")
    code, said, report = await loaded(
        tmp_path,
        "--address",
        address,
        "--url",
        url,
        "--feedback",
        "all",
        *options,
        *lenient,
    )
    assert code == 0, said
    assert report["holds"]
    assert "Every SLO holds." in said
    found = report["result"]
    assert set(found["kinds"]) == {"list", "page", "anonymous", "events"}
    assert found["lists"]["failed"] == found["every"]["failed"] == 0
    answered = found["lists"]["calls"] - found["lists"]["refused"]
    assert found["releases"] == {stack.settings.release: answered}


async def test_without_a_stack_it_says_what_to_do(tmp_path: Path) -> None:
    code, said, report = await loaded(tmp_path, "--address", f"127.0.0.1:{free_port()}")
    assert (code, report) == (2, {})
    assert "make up" in said
