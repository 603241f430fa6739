"""How a service process ends: real processes, real signals."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from recstack.readiness import VARIABLE, readiness
from services.chassis.channel import open_channel
from tests.redis import free_port

FOREVER = 3600.0
PATIENCE = 60.0
CALL = 20.0  # less than that: a call nobody answers is named, not the process that waits for it
SERVING = health_pb2.HealthCheckResponse.SERVING


@asynccontextmanager
async def leaver(port: int, lame_duck: float) -> AsyncIterator[Process]:
    async with readiness() as (address, ready):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.chassis.leaver", str(port), str(lame_duck)),
            env={VARIABLE: address},
            stdout=DEVNULL,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def query(release: str) -> rerank_pb2.RerankRequest:
    return rerank_pb2.RerankRequest(queries=[rerank_pb2.RerankQuery(release=release)])


async def ended(process: Process) -> int:
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


async def test_a_lame_duck_answers_and_says_that_it_is_one() -> None:
    port = free_port()
    async with leaver(port, FOREVER) as process, open_channel(f"127.0.0.1:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == SERVING
        process.send_signal(signal.SIGTERM)
        assert (await health.read()).status != SERVING
        await rerank_pb2_grpc.RerankServiceStub(channel).Rerank(query("x"))


async def test_a_second_signal_ends_it_at_once() -> None:
    port = free_port()
    async with leaver(port, FOREVER) as process, open_channel(f"127.0.0.1:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == SERVING
        process.send_signal(signal.SIGTERM)
        assert (await health.read()).status != SERVING
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == -signal.SIGTERM


async def test_sigint_leaves_the_lame_duck_out() -> None:
    async with leaver(free_port(), FOREVER) as process:
        process.send_signal(signal.SIGINT)
        assert await ended(process) == 0


async def asked(stub: rerank_pb2_grpc.RerankServiceStub) -> None:
    """A call as clients of ours make it: what a process that ends did not take is tried again, and
    then has to be answered."""
    try:
        await stub.Rerank(query("x"), timeout=CALL)
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise
        await stub.Rerank(query("x"), timeout=CALL, wait_for_ready=True)


async def test_a_next_one_takes_over_and_no_call_fails() -> None:
    """Callers that ask one after another while two processes are replaced."""
    port = free_port()
    answered = 0
    enough = asyncio.Event()

    async def ask(stub: rerank_pb2_grpc.RerankServiceStub) -> None:
        nonlocal answered
        while not enough.is_set():
            await asked(stub)
            answered += 1

    async def more(count: int) -> None:
        end = answered + count
        while answered < end and not any(caller.done() for caller in callers):
            await asyncio.sleep(0.01)

    async with open_channel(f"127.0.0.1:{port}") as channel, leaver(port, 0.1) as first:
        stub = rerank_pb2_grpc.RerankServiceStub(channel)
        callers = [asyncio.create_task(ask(stub)) for _ in range(4)]
        await more(20)
        async with leaver(port, 0.1) as second:
            first.send_signal(signal.SIGTERM)
            assert await ended(first) == 0
            await more(20)
            async with leaver(port, 0.1):
                second.send_signal(signal.SIGTERM)
                assert await ended(second) == 0
                await more(20)
                enough.set()
                await asyncio.gather(*callers)  # raises what a call failed with


@pytest.mark.skipif(sys.platform != "linux", reason="names of sockets without a file")
async def test_systemd_is_told_by_an_abstract_name() -> None:
    import os
    import socket

    from services.chassis.notify import ready

    name = f"recstack-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        ready(f"@{name}")
        assert receiver.recv(64) == b"READY=1"
    ready(f"@{name}")
    ready("")
