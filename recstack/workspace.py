"""The folder with everything a running stack writes, and the lock that keeps it to one stack."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
    def _own(self) -> str:
        return f"offset-{self.port_offset}" if self.port_offset else ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the workspace for this process; the kernel frees it however the process ends.

        Raises:
            StartupError: another stack has it, with its process id.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f"up{self.port_offset or ''}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = file.read().strip()
                raise StartupError(
                    f"a stack is running here already (process {pid})",
                    f"stop it with Ctrl-C or `kill {pid}`, or start another with --port-offset 100",
                ) from None
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
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

    @property
    def _running(self) -> Path:
        return self.root / f"up{self.port_offset or ''}.json"
