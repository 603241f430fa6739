"""Facts are what there is: ports and their owners, places, disks, releases, certificates."""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from models.schema import layout
from recstack.cli.doctor import addresses
from recstack.cli.failure import Failure
from recstack.doctor.facts import Limits, ReleaseTrouble
from recstack.doctor.gather.certificates import certificates_of
from recstack.doctor.gather.disks import disks_of
from recstack.doctor.gather.places import places
from recstack.doctor.gather.ports import Owner, strangers
from recstack.doctor.gather.redis import look_at_redis
from recstack.doctor.gather.release import release_of
from recstack.doctor.target import Target, plan_of
from recstack.processes import REDIS_PORT, Plan
from recstack.redis_users import write_users
from recstack.security import SERVICES, Security
from recstack.workspace import Workspace
from services.chassis.address import joined
from tests.unit.gateway.world import make_release

HOST = "127.0.0.1"
LISTEN = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
input()  # services.rank
"""


def plan(folder: Path, offset: int = 0, workers: int = 0) -> Plan:
    token = Security(admin_token=folder / "admin.token")
    where = Workspace(folder / "var", offset), HOST, str(folder / "releases")
    return Plan(*where, workers, security=token)


def listener(told: str) -> "tuple[subprocess.Popen[str], int]":
    """A process whose command line says services.rank, and whose environment a port."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN],
        env={**os.environ, **({"RECSTACK_RANK_PORT": told} if told else {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize(("told", "strange"), [("50054", False), ("50154", True), ("", False)])
def test_a_service_of_another_stack_is_a_stranger(told: str, strange: bool) -> None:
    process, port = listener(told)
    with process:
        owner = Owner(("services.rank",), "RECSTACK_RANK_PORT", 50054)
        found = strangers(HOST, [port], owner)
        process.kill()
    assert bool(found) is strange
    assert all(f"process {process.pid}:" in who for who in found.values())


def test_another_program_is_a_stranger_and_a_free_port_is_nobodys() -> None:
    with closing(socket.create_server((HOST, 0))) as server:
        port = server.getsockname()[1]
        found = strangers(HOST, [port], Owner(("services.rank",)))
    assert f"process {os.getpid()}:" in found[port]
    assert strangers(HOST, [port], Owner(("services.rank",))) == {}


def test_a_port_that_a_connection_to_elsewhere_has_is_said_so() -> None:
    with closing(socket.create_server((HOST, 0))) as server, socket.socket() as outgoing:
        outgoing.connect(server.getsockname())
        port = outgoing.getsockname()[1]
        assert "connection" in strangers(HOST, [port], Owner(("x",)))[port]


def test_ports_of_another_machine_are_held_against_nobody() -> None:
    assert strangers("192.0.2.1", [50054], Owner(("services.rank",))) == {}


def test_every_port_of_a_stack_has_a_place(tmp_path: Path) -> None:
    for workers in (0, 3):
        one = plan(tmp_path, 100, workers)
        found = {port for place in places(Target(one, Limits())) for port in place.ports}
        assert found == set(one.ports())


def test_a_service_may_be_elsewhere(tmp_path: Path) -> None:
    at = addresses(["rank=[::1]:6000", "gateway=gateway:50050"])
    found = {one.name: one for one in places(Target(plan(tmp_path), Limits(), at=at))}
    assert (found["rank"].address, found["rank"].metrics) == (joined("::1", 6000), 7000)
    assert (found["gateway"].host, found["gateway"].others[0]) == ("gateway", 8080)
    assert found["recall"].address == f"{HOST}:50052"
    assert "rollout" not in found, "it listens on its own loopback unless it is named"
    named = Target(plan(tmp_path), Limits(), at=addresses(["rollout=far:1"]))
    assert [one.address for one in places(named) if one.name == "rollout"] == ["far:1"]


def test_the_rollout_service_has_its_token_on_loopback_and_its_metrics_with_the_others(
    tmp_path: Path,
) -> None:
    away = replace(plan(tmp_path), host="192.0.2.1")
    (rollout,) = (one for one in places(Target(away, Limits())) if one.name == "rollout")
    assert (rollout.address, rollout.metrics_host) == ("127.0.0.1:50048", "192.0.2.1")


@pytest.mark.parametrize("given", ["rank", "rank=6000", "rank=host:", "ranker=host:1"])
def test_places_that_cannot_be(given: str) -> None:
    with pytest.raises(Failure, match="--at"):
        addresses([given])


def test_a_disk_is_looked_at_once_and_before_its_folders_are_made(tmp_path: Path) -> None:
    (disk,) = disks_of(plan(tmp_path))
    assert disk.total_bytes >= disk.free_bytes > 0
    assert disk.free_files > 0
    assert not (tmp_path / "var").exists()


def test_a_stack_of_its_own_redis_and_one_of_another(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, 100)
    assert plan_of(workspace, HOST, "releases", None, "").redis_url.endswith(":6499/0")
    other = plan_of(workspace, HOST, "releases", None, "redis://elsewhere:1/0")
    assert (other.redis_url, other.security.redis_passwords) == ("redis://elsewhere:1/0", None)


def test_workers_are_known_by_where_they_show_their_stats(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, 100)
    for workers in (0, 2):
        workspace.announce({"stats": plan(tmp_path, 100, workers).stats_urls()})
        assert plan_of(workspace, HOST, "releases", None, "").workers == workers


def test_what_is_wrong_with_a_release(tmp_path: Path) -> None:
    folder = tmp_path / "releases" / "r1"
    make_release(folder)
    one = Plan(Workspace(tmp_path), HOST, str(folder.parent), release="r1")
    assert release_of(one).troubles == ()
    (folder / layout.CATALOG_KEYS).write_bytes(b"")
    ((trouble, message),) = release_of(one).troubles
    assert (trouble, layout.CATALOG_KEYS in message) == (ReleaseTrouble.DAMAGED, True)
    (folder / layout.MANIFEST).write_bytes(b"{}")
    assert [trouble for trouble, _ in release_of(one).troubles] == [ReleaseTrouble.DAMAGED]
    shutil.rmtree(folder)
    assert [trouble for trouble, _ in release_of(one).troubles] == [ReleaseTrouble.MISSING]


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    one = Plan(Workspace(tmp_path), HOST, "releases", security=Security(tmp_path / "tls"))
    found = certificates_of(one)
    assert len(found) == len(SERVICES) + 2
    assert all(certificate.until is None and certificate.problem for certificate in found)
    assert certificates_of(plan(tmp_path)) == ()


async def test_a_stranger_on_the_port_of_redis_is_not_asked(tmp_path: Path) -> None:
    """It would be shown the passwords."""
    with closing(socket.create_server((HOST, 0))) as server:
        one = plan(tmp_path, server.getsockname()[1] - REDIS_PORT)
        write_users(one.workspace.secrets)
        told = plan_of(one.workspace, HOST, "releases", None, "")
        redis, backlogs = await look_at_redis(Target(told, Limits(), own_redis=True))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert (f"process {os.getpid()}:" in redis.stranger, backlogs) == (True, ())
