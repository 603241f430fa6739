"""A load on a stack, in a process of its own, and what its report says."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import RunningStack


@dataclass(frozen=True, slots=True)
class Loaded:
    """The report, as JSON has it."""

    report: Mapping[str, Any]

    @property
    def holds(self) -> bool:
        return bool(self.report["holds"])

    @property
    def broken(self) -> list[str]:
        """SLOs that are, with what was measured."""
        checks = self.report["checks"]
        return [f"{check['name']} {check['measured']}" for check in checks if not check["holds"]]

    @property
    def lists(self) -> Mapping[str, Any]:
        return self.report["result"]["lists"]

    @property
    def every(self) -> Mapping[str, Any]:
        return self.report["result"]["every"]

    @property
    def phases(self) -> Mapping[str, Any]:
        return self.report["result"]["phases"]

    @property
    def recovery(self) -> float | None:
        return self.report["result"]["recovery"]

    @property
    def of_a_core(self) -> float:
        """What the load itself took."""
        sender = self.report["result"]["sender"]
        return sender["cpu_seconds"] / sender["wall_seconds"]


def loaded(stack: RunningStack, folder: Path, *options: str) -> Loaded:
    """Runs `python -m loadtest` against the stack."""
    where = ("--address", stack.grpc, "--url", stack.http)
    before = set(folder.glob("*/report.json"))
    command = (sys.executable, "-m", "loadtest", *where, "--report", str(folder), *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    (written,) = set(folder.glob("*/report.json")) - before
    return Loaded(json.loads(written.read_text()))
