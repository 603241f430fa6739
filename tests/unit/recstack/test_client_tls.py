"""Both clients against a gateway that serves by TLS, to clients that have a certificate."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2_grpc

from recstack import AsyncClient, Client, ClientError, Tls, UnavailableError
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from tests.certificates import certificates, strangers, tls_of
from tests.unit.recstack.test_client import BOTH, Scripted, ask

__all__ = ["certificates", "strangers"]


@pytest.fixture
async def address(certificates: Path) -> AsyncIterator[str]:
    async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(Scripted(), server)
        return []

    tls = tls_of(certificates, "gateway")
    settings = ServerSettings(
        port=0, tls_ca=tls.ca, tls_certificate=tls.certificate, tls_key=tls.key
    )
    async with started("t", settings, mount) as server:
        yield f"127.0.0.1:{server.port}"


@BOTH
async def test_with_a_certificate(address: str, certificates: Path, kind: Any) -> None:
    answer = await ask(kind, address, tls=tls_of(certificates, "client"))
    assert answer.items[0].item_id == "7"


@BOTH
async def test_without_one_or_with_that_of_strangers(
    address: str, certificates: Path, strangers: Path, kind: Any
) -> None:
    own, other = tls_of(certificates, "client"), tls_of(strangers, "client")
    for wrong in (Tls(), Tls(own.ca), other, Tls(own.ca, other.certificate, other.key)):
        with pytest.raises(UnavailableError):
            await ask(kind, address, tls=wrong)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_a_file_that_is_not_there_is_named(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"nowhere\.crt"):
        kind(tls=Tls(tmp_path / "nowhere.crt"))
