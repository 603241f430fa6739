"""Who can reach a stack: by TLS with certificates, and on loopback alone without."""

import os
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from recstack import Client, Event
from recstack.processes import (
    ADMIN,
    EVENTS_PORT,
    GATEWAY_PORT,
    HTTP_PORT,
    METRICS,
    ROLLOUT_PORT,
    STAGES,
)
from services.chassis.channel import open_blocking_channel
from services.chassis.tls import OFF, Tls, client_context
from tests.certificates import tls_of
from tests.e2e.stack import RunningStack, children_of, free_offset, run_recstack, up

GRPC_PORTS = {
    "gateway": GATEWAY_PORT,
    "events": EVENTS_PORT,
    "rollout": ROLLOUT_PORT,
    **STAGES,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates, made by the command."""
    folder = tmp_path_factory.mktemp("certificates") / "tls"
    made = run_recstack("certs", str(folder))
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def secured(
    stack: RunningStack, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """A stack that speaks TLS, after the other has made sure that there is a release."""
    with up(tmp_path_factory.mktemp("secured"), "--tls", str(folder)) as running:
        yield running


@pytest.fixture
def mine(folder: Path) -> Tls:
    """What a client has."""
    return tls_of(folder, "client")


def variables(stack: RunningStack, tls: Tls) -> dict[str, str]:
    """What commands are told."""
    names = ("RECSTACK_TLS_CA", "RECSTACK_TLS_CERTIFICATE", "RECSTACK_TLS_KEY")
    files = {name: str(file) for name, file in zip(names, tls.files, strict=True) if file}
    return {"RECSTACK_ADDRESS": stack.grpc, **files}


def url(stack: RunningStack, port: int, path: str, scheme: str = "https") -> str:
    return f"{scheme}://127.0.0.1:{port + stack.workspace.port_offset}{path}"


def serves_grpc(stack: RunningStack, port: int, tls: Tls) -> bool:
    address = f"127.0.0.1:{port + stack.workspace.port_offset}"
    with open_blocking_channel(address, tls) as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.RpcError as error:
            return bool(error.code() is not grpc.StatusCode.UNAVAILABLE)
    return True


def serves_http(address: str, tls: Tls) -> bool:
    trust = client_context(tls) if tls.calls else True
    try:
        return httpx.get(address, verify=trust, timeout=10).is_success
    except (httpx.TransportError, ssl.SSLError):
        return False


def test_every_way_to_ask_works_by_tls(secured: RunningStack, mine: Tls) -> None:
    with Client(secured.grpc, timeout=10, tls=mine) as client:
        answer = client.recommend("196", k=5)
        assert len(answer.items) == 5
        assert answer.degraded == (), "every stage and Redis answer"
        event = Event("196", answer.items[0].item_id, "click")
        assert client.record_events([event]).accepted == 1
    told = variables(secured, mine)
    done = run_recstack("recommend", "--user", "196", environment=told)
    assert done.returncode == 0, done.stderr
    assert "degraded" not in done.stderr
    listed = run_recstack("call", secured.grpc, "list", environment=told)
    assert "recsys.gateway.v1.RecommendationService" in listed.stdout, listed.stderr
    address = url(secured, HTTP_PORT, "/v1/users/196/recommendations")
    body = httpx.get(address, verify=client_context(mine), timeout=10).raise_for_status().json()
    assert len(body["items"]) == 20
    top = run_recstack(
        *("top", "--once", "--var", str(secured.workspace.root)),
        *("--port-offset", str(secured.workspace.port_offset)),
        environment=told,
    )
    assert top.returncode == 0, top.stderr


@pytest.mark.parametrize("service", GRPC_PORTS)
def test_no_service_answers_without_a_certificate(
    secured: RunningStack, mine: Tls, service: str
) -> None:
    port = GRPC_PORTS[service]
    for tls, served in ((mine, True), (Tls(mine.ca), False), (OFF, False)):
        assert serves_grpc(secured, port, tls) is served
    metrics = url(secured, port + METRICS, "/metrics")
    for tls, served in ((mine, True), (Tls(mine.ca), False)):
        assert serves_http(metrics, tls) is served
    assert not serves_http(url(secured, port + METRICS, "/metrics", "http"), OFF)


def test_http_answers_nobody_without_a_certificate(secured: RunningStack, mine: Tls) -> None:
    for path in ("/v1/users/196/recommendations", "/healthz", "/docs"):
        assert serves_http(url(secured, HTTP_PORT, path), mine)
        assert not serves_http(url(secured, HTTP_PORT, path), Tls(mine.ca))
        assert not serves_http(url(secured, HTTP_PORT, path, "http"), OFF)


def test_a_command_without_a_certificate_says_that_there_is_no_answer(
    secured: RunningStack, mine: Tls
) -> None:
    told = variables(secured, Tls(mine.ca))
    done = run_recstack("recommend", "--user", "1", environment=told)
    assert done.returncode == 2
    assert "no answer from" in done.stderr
    assert "Traceback" not in done.stderr


def status(stack: RunningStack, *more: str, tls: Tls = OFF) -> "tuple[int, str]":
    place = ("--var", str(stack.workspace.root), "--port-offset", str(stack.workspace.port_offset))
    done = run_recstack("status", *place, *more, environment=variables(stack, tls))
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_status_of_the_gateway(secured: RunningStack, mine: Tls) -> None:
    code, said = status(secured, tls=mine)
    assert code == 0, said
    assert "TLS: certificate until" in said
    assert f"127.0.0.1:{STAGES['rank'] + secured.workspace.port_offset}  closed" in said
    assert serves_grpc(secured, GATEWAY_PORT + ADMIN, mine), "UNAUTHENTICATED, not UNAVAILABLE"
    assert not serves_grpc(secured, GATEWAY_PORT + ADMIN, Tls(mine.ca))


def test_the_status_of_every_worker_and_only_with_the_token(
    workers: RunningStack, tmp_path: Path
) -> None:
    code, said = status(workers)
    assert code == 0, said
    assert said.count("in process") == 20, "ten kinds of calls, two workers"
    wrong = tmp_path / "token"
    wrong.write_text("0123456789abcdef" * 4)
    code, said = status(workers, "--token-file", str(wrong))
    assert code == 2
    assert "UNAUTHENTICATED" in said
    assert wrong.read_text() not in said


def test_a_host_that_the_certificates_do_not_name_is_refused_at_the_start(
    folder: Path, tmp_path: Path
) -> None:
    done = run_recstack(
        *("up", "--var", str(tmp_path), "--tls", str(folder), "--host", "0.0.0.0"),
        *("--port-offset", str(free_offset())),
    )
    assert done.returncode == 2
    assert "0.0.0.0" in done.stderr
    assert "recstack certs FOLDER --host 0.0.0.0" in done.stderr


def listening(pid: int) -> Iterator[str]:
    """Addresses that a process listens on by TCP, as the kernel has them."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        link = os.readlink(descriptor) if descriptor.is_symlink() else ""
        inodes.add(link.removeprefix("socket:[").removesuffix("]"))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                yield fields[1].split(":")[0]


def address_of(raw: str) -> str:
    """An address of /proc/net/tcp or tcp6: words of four bytes, each in the machine's order."""
    data = bytes.fromhex(raw)
    return str(ip_address(b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))))


@pytest.mark.parametrize("placement", ["stack", "workers", "secured"])
def test_nothing_listens_beyond_loopback(placement: str, request: pytest.FixtureRequest) -> None:
    running: RunningStack = request.getfixturevalue(placement)
    children = [pid for pid, _ in children_of(running.process.pid)]
    addresses = {pid: {address_of(raw) for raw in listening(pid)} for pid in children}
    assert len(addresses) >= 4
    assert all(addresses.values()), "each child listens"
    assert set().union(*addresses.values()) <= {"127.0.0.1", "::1", "::ffff:7f00:1"}


@pytest.mark.parametrize("placement", ["stack", "workers", "secured"])
def test_secrets_are_in_their_files_alone(placement: str, request: pytest.FixtureRequest) -> None:
    running: RunningStack = request.getfixturevalue(placement)
    root = running.workspace.root
    kept = [file for file in (root / "secrets").iterdir() if file.suffix in (".password", ".token")]
    secrets = [file.read_bytes().strip() for file in kept]
    assert len(secrets) == 7
    told = [
        Path(f"/proc/{pid}/{what}").read_bytes()
        for pid, _ in [*children_of(running.process.pid), (running.process.pid, ())]
        for what in ("environ", "cmdline")
    ]
    written = [
        file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and file.parent.name != "secrets"
    ]
    assert len(written) > 5
    assert not [secret for secret in secrets for text in (*told, *written) if secret in text]
    for file in (root / "secrets").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
