"""Which Redis a stack uses, on real servers."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from recstack.local_redis import local_redis
from recstack.processes import REDIS_PORT
from recstack.redis_server import Access
from recstack.redis_users import OPERATOR, password_file, write_users
from recstack.security import Security
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from services.chassis.redis import read_password
from tests.redis import free_port, running


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose Redis port is free."""
    return Workspace(tmp_path, free_port() - REDIS_PORT)


def test_a_named_redis_is_used_as_it_is(workspace: Workspace) -> None:
    found = local_redis(workspace, "redis://elsewhere:6379/2")
    assert (found.url, found.child) == ("redis://elsewhere:6379/2", None)


async def test_else_one_in_the_workspace_is_to_be_started(workspace: Workspace) -> None:
    found = local_redis(workspace)
    assert found.child is not None
    assert not await found.child.probe()
    port = REDIS_PORT + workspace.port_offset
    with running(workspace.redis, port):
        assert await found.child.probe()


def test_one_that_was_left_over_is_used_again(workspace: Workspace) -> None:
    with running(workspace.redis, REDIS_PORT + workspace.port_offset) as left:
        found = local_redis(workspace)
        assert (found.url, found.child) == (left.url, None)


def test_a_redis_of_somebody_else_is_not_used(workspace: Workspace, tmp_path: Path) -> None:
    port = REDIS_PORT + workspace.port_offset
    with running(tmp_path / "other", port), pytest.raises(StartupError, match=str(port)) as error:
        local_redis(workspace)
    assert "RECSTACK_REDIS_URL" in error.value.hint


def test_a_program_that_only_says_to_be_redis_is_shown_no_password(workspace: Workspace) -> None:
    security = Security(redis_passwords=workspace.secrets)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", REDIS_PORT + workspace.port_offset)) as server:
        thread = threading.Thread(target=answer, args=(server, heard))
        thread.start()
        with pytest.raises(StartupError, match="is taken by another Redis"):
            local_redis(workspace, security=security)
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    password = read_password(password_file(workspace.secrets, OPERATOR)).encode()
    assert b"PING" in b"".join(heard)
    assert password not in b"".join(heard)


def answer(server: socket.socket, heard: list[bytes]) -> None:
    """Says PONG to everybody, until the server is shut down."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while said := connection.recv(4096):
                    heard.append(said)
                    connection.sendall(b"+PONG\r\n")


def test_one_that_was_left_over_is_used_with_its_password(workspace: Workspace) -> None:
    security = Security(redis_passwords=workspace.secrets)
    access = Access(write_users(workspace.secrets))
    password = read_password(password_file(workspace.secrets, OPERATOR))
    port = REDIS_PORT + workspace.port_offset
    with running(workspace.redis, port, password, access=access):
        assert local_redis(workspace, security=security).child is None


@pytest.mark.parametrize("built_with_tls", [True, False])
def test_a_server_without_tls_is_said_where_tls_is_asked_for(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built_with_tls: bool
) -> None:
    monkeypatch.setattr("recstack.local_redis.speaks_tls", lambda binary: built_with_tls)
    found = local_redis(workspace, security=Security(tls=tmp_path))
    assert found.url.startswith("rediss:") is built_with_tls
    assert ("not encrypted" in found.warning) is not built_with_tls
    assert local_redis(workspace).warning == ""
