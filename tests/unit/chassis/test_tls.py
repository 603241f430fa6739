"""TLS on real ports: who is let in, what a renewal changes, and what is wrong with files."""

import shutil
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import ValidationError

from recstack.certs import make_certificates
from services.chassis.channel import open_blocking_channel, open_channel
from services.chassis.errors import StartupError
from services.chassis.server import RunningServer, started
from services.chassis.settings import ServerSettings
from services.chassis.tls import OFF, Tls, client_context, server_context
from tests.certificates import certificates, strangers, tls_of
from tests.redis import free_port

__all__ = ["certificates", "strangers"]


async def nothing(_server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
    return []


@asynccontextmanager
async def serving(files: Tls, **told: Any) -> AsyncIterator[RunningServer]:
    settings = ServerSettings(
        port=0,
        drain_seconds=0.0,
        tls_ca=files.ca,
        tls_certificate=files.certificate,
        tls_key=files.key,
        **told,
    )
    async with started("t", settings, nothing) as server:
        yield server


async def asked(port: int, tls: Tls) -> bool:
    """Whether the server answers a client with these files."""
    async with open_channel(f"localhost:{port}", tls) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        except grpc.aio.AioRpcError as error:
            return error.code() is not grpc.StatusCode.UNAVAILABLE
        return True


async def test_with_a_ca_only_clients_of_it_are_served(certificates: Path, strangers: Path) -> None:
    files = tls_of(certificates, "rank")
    async with serving(files) as server:
        assert await asked(server.port, tls_of(certificates, "client"))
        assert await asked(server.port, tls_of(certificates, "gateway"))
        assert not await asked(server.port, Tls(files.ca)), "no certificate"
        stranger = tls_of(strangers, "client")
        assert not await asked(server.port, Tls(files.ca, *stranger.pair)), "of another CA"
        assert not await asked(server.port, stranger), "it does not trust the server"
        assert not await asked(server.port, OFF), "plain text"


async def test_clients_need_no_certificate_when_they_are_not_asked(certificates: Path) -> None:
    files = tls_of(certificates, "rank")
    async with serving(files, tls_ask_clients=False) as server:
        assert await asked(server.port, Tls(files.ca))
        assert not await asked(server.port, OFF)


async def test_a_server_of_another_name_is_not_trusted(certificates: Path) -> None:
    async with serving(tls_of(certificates, "client")) as server:
        assert not await asked(server.port, tls_of(certificates, "client"))


def test_the_blocking_channel_has_the_same_files(certificates: Path) -> None:
    with pytest.raises(StartupError, match=r"nothing\.crt cannot be read"):
        open_blocking_channel("localhost:1", Tls(certificates / "nothing.crt"))


async def test_metrics_follow_the_same_rules(certificates: Path) -> None:
    port, files = free_port(), tls_of(certificates, "rank")
    trusted = client_context(tls_of(certificates, "client"))
    async with serving(files, metrics_port=port):
        async with httpx.AsyncClient(verify=trusted) as http:
            assert (await http.get(f"https://127.0.0.1:{port}/metrics")).is_success
        async with httpx.AsyncClient(verify=client_context(Tls(files.ca))) as http:
            with pytest.raises((httpx.TransportError, ssl.SSLError)):
                await http.get(f"https://127.0.0.1:{port}/metrics")
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{port}/metrics")


def installed(source: Path, name: str, target: Path) -> Tls:
    """Copies the files of a name, as one that renews certificates does."""
    for file in ("ca.crt", f"{name}.crt", f"{name}.key"):
        fresh = target / "fresh"
        shutil.copy(source / file, fresh)
        fresh.replace(target / file.replace(name, "server"))
    return tls_of(target, "server")


async def test_renewed_files_serve_the_next_connection(
    certificates: Path, strangers: Path, tmp_path: Path
) -> None:
    files = installed(certificates, "rank", tmp_path)
    async with serving(files) as server:
        assert await asked(server.port, tls_of(certificates, "client"))
        installed(strangers, "rank", tmp_path)
        assert await asked(server.port, tls_of(strangers, "client"))
        assert not await asked(server.port, tls_of(certificates, "client"))
        assert files.key is not None
        files.key.write_text("half written")
        assert await asked(server.port, tls_of(strangers, "client")), "what was there stays"


def handshake(serving: ssl.SSLContext, calling: ssl.SSLContext) -> str:
    """What a client in this process is told; empty: both sides are content."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling.wrap_bio(down, up, server_hostname="localhost")
    server = serving.wrap_bio(up, down, server_side=True)
    for _ in range(5):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return str(error)
    return ""


def test_renewed_files_serve_the_next_http_connection(
    certificates: Path, strangers: Path, tmp_path: Path
) -> None:
    serving = server_context(installed(certificates, "gateway", tmp_path), ask_clients=True)
    before = client_context(tls_of(certificates, "client"))
    after = client_context(tls_of(strangers, "client"))
    assert handshake(serving, before) == ""
    assert "CERTIFICATE_VERIFY_FAILED" in handshake(serving, after)
    installed(strangers, "gateway", tmp_path)
    assert handshake(serving, after) == ""
    assert "CERTIFICATE_VERIFY_FAILED" in handshake(serving, before)
    mixed = client_context(Tls(strangers / "ca.crt", *tls_of(certificates, "client").pair))
    assert "CERTIFICATE_VERIFY_FAILED" in handshake(serving, mixed), "the old CA is trusted no more"


async def test_an_expired_certificate_is_not_trusted(tmp_path: Path) -> None:
    make_certificates(tmp_path, days=1, now=datetime.now(UTC) - timedelta(days=2))
    async with serving(tls_of(tmp_path, "rank")) as server:
        assert not await asked(server.port, tls_of(tmp_path, "client"))


async def test_files_that_cannot_be_used_are_said(certificates: Path, tmp_path: Path) -> None:
    good, other = tls_of(certificates, "rank"), tls_of(certificates, "recall")
    mixed = Tls(good.ca, good.certificate, other.key)
    with pytest.raises(StartupError, match="key values mismatch") as wrong:
        async with serving(mixed):
            pass
    assert str(other.key) in wrong.value.hint
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(StartupError, match="TLS files cannot be used"):
        async with serving(Tls(tmp_path / "ca.crt", *good.pair)):
            pass
    with pytest.raises(StartupError, match=r"absent\.crt cannot be read: No such file"):
        client_context(Tls(good.ca, tmp_path / "absent.crt", good.key))


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValidationError, match="certificate and its key go together"):
        ServerSettings(port=0, tls_certificate=Path("a.crt"))


def test_empty_variables_turn_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TLS_CA", "TLS_CERTIFICATE", "TLS_KEY"):
        monkeypatch.setenv(name, "")
    settings = ServerSettings(port=0)
    assert settings.tls == OFF
    assert not settings.asks_clients
