"""Redis by TLS: a real Redis behind a port that ends TLS, which not every server can."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from recstack.redis_server import speaks_tls
from services.chassis.errors import StartupError
from services.chassis.redis import Login, RedisError, open_redis
from services.chassis.tls import Tls, server_context
from services.domain.outcome import Reason
from services.domain.user_state import ContextQuery
from services.feature_store.pipeline import open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from tests.certificates import certificates, strangers, tls_of
from tests.redis import RedisServer, redis_server

__all__ = ["certificates", "redis_server", "strangers"]

PATIENCE = 10.0


@asynccontextmanager
async def front(server: RedisServer, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Ends TLS in front of a server; gives the port."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listener:
        yield int(listener.sockets[0].getsockname()[1])


@pytest.fixture
async def port(redis_server: RedisServer, certificates: Path) -> AsyncIterator[int]:
    context = server_context(tls_of(certificates, "redis"), ask_clients=True)
    async with front(redis_server, context) as port:
        yield port


def settings(port: int, tls: Tls) -> FeatureStoreSettings:
    return FeatureStoreSettings(
        redis_url=SecretStr(f"rediss://localhost:{port}/0"),
        redis_timeout=PATIENCE,
        tls_ca=tls.ca,
        tls_certificate=tls.certificate,
        tls_key=tls.key,
    )


async def test_the_feature_store(port: int, certificates: Path, strangers: Path) -> None:
    mine = tls_of(certificates, "feature_store")
    for tls, reason in (
        (mine, None),
        (Tls(mine.ca), Reason.UNAVAILABLE),
        (tls_of(strangers, "feature_store"), Reason.UNAVAILABLE),
    ):
        async with open_feature_store(settings(port, tls)) as store:
            (answer,) = await store.contexts.call([ContextQuery("nobody", PATIENCE)], PATIENCE)
            assert (answer.failure and answer.failure.reason) == reason


async def test_the_other_client(port: int, certificates: Path, strangers: Path) -> None:
    url, mine = SecretStr(f"rediss://localhost:{port}/0"), tls_of(certificates, "recall")
    async with open_redis(url, Login(tls=mine), timeout=PATIENCE) as client:
        assert await client.ping()
    for tls in (Tls(mine.ca), tls_of(strangers, "recall"), Tls()):
        async with open_redis(url, Login(tls=tls), timeout=PATIENCE) as client:
            with pytest.raises((RedisError, OSError)):
                await client.ping()


async def test_the_name_of_the_server_is_checked(redis_server: RedisServer, tmp_path: Path) -> None:
    from recstack.certs import make_certificates

    make_certificates(tmp_path)
    context = server_context(tls_of(tmp_path, "client"), ask_clients=False)  # it names no host
    async with front(redis_server, context) as port:
        url, mine = SecretStr(f"rediss://localhost:{port}/0"), tls_of(tmp_path, "recall")
        async with open_redis(url, Login(tls=mine), timeout=PATIENCE) as client:
            with pytest.raises((RedisError, OSError)):
                await client.ping()


def test_files_that_are_not_there_are_said(certificates: Path) -> None:
    lost = Login(tls=Tls(certificates / "absent.crt"))
    with pytest.raises(StartupError, match=r"absent\.crt"):
        open_redis(SecretStr("rediss://h"), lost)
    with pytest.raises(StartupError, match=r"absent\.crt"):
        open_feature_store(settings(1, lost.tls))


def test_a_server_program_without_tls_is_known(tmp_path: Path) -> None:
    for answer, known in (("'tls-port 0'\\nBad directive", False), ("argument must be", True)):
        program = tmp_path / "redis-server"
        program.write_text(f'#!/bin/sh\ncat > /dev/null\necho "{answer}" >&2\nexit 1\n')
        program.chmod(0o755)
        assert speaks_tls(program) is known
