"""The folder with everything a running stack writes, and the lock that keeps it to one stack."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from services.chassis.errors import StartupError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a stack keeps what it writes.

    Attributes:
        root: such as var/.
        port_offset: what is added to every port; stacks with different ones share nothing.
    """

    root: Path
    port_offset: int = 0

    @property
    def logs(self) -> Path:
        return self.root / "log" / self._own

    @property
    def redis(self) -> Path:
        return self.root / "redis" / self._own

    @property
    def policy(self) -> Path:
        """The gateways' copy of the traffic policy."""
        return self.root / "traffic" / self._own / "policy.json"

    @property
    def secrets(self) -> Path:
        """Of all stacks of this folder: a log is read with the key it was written with."""
        return self.root / "secrets"

    @property
    def _own(self) -> str:
        return f"offset-{self.port_offset}" if self.port_offset else ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the workspace for this process; the kernel frees it however the process ends.

        Raises:
            StartupError: another stack has it, with its process id; or it cannot be written to.
        """
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = file.read().strip()
                raise StartupError(
                    f"a stack is running here already (process {pid})",
                    f"stop it with Ctrl-C or `kill {pid}`, or start another with --port-offset 100",
                ) from None
            try:
                written = os.write(file.fileno(), f"{os.getpid()}\n".encode())
                os.ftruncate(file.fileno(), written)  # what a longer id left over
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                yield
            finally:
                self._running.unlink(missing_ok=True)

    def announce(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Tells other commands where the stack answers, until it ends."""
        self._running.write_text(json.dumps(addresses))

    def running(self) -> Mapping[str, Sequence[str]]:
        """What was announced; empty when no stack runs here."""
        try:
            return dict(json.loads(self._running.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def _lock_file(self) -> TextIO:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path = self.root / f"up{self.port_offset or ''}.lock"
            return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> StartupError:
        return StartupError(
            f"cannot write to {self.root}: {error.strerror}",
            "make room or give the right to write there, or name another folder with --var",
        )

    @property
    def _running(self) -> Path:
        return self.root / f"up{self.port_offset or ''}.json"
