"""docs/rollout.md, run as it stands there: a release reaches all users, another is taken back."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from recstack.processes import ROLLOUT_PORT
from recstack.security import ADMIN_TOKEN
from tests.e2e.stack import RECSTACK, ROOT, RunningStack, up
from tests.e2e.test_readme import BLOCK
from tests.releases import another_release, tiny_release

BLOCKS = {name: code for name, _, code in BLOCK.findall((ROOT / "docs/rollout.md").read_text())}
ASKING, PAUSE = 2, 0.03  # threads, and seconds between two lists of each
VISITORS = 500
NEW = "new-release"
ROLLED_BACK = 3


@dataclass(frozen=True)
class OnDuty:
    """Somebody who follows the page.

    Attributes:
        folder: where they are.
        told: what commands must know of a stack that is not at the usual place.
    """

    folder: Path
    told: dict[str, str]

    def runs(self, code: str) -> "subprocess.CompletedProcess[str]":
        path = f"{RECSTACK.parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "COLUMNS": "200", **self.told},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def follows(self, name: str) -> str:
        """What a block prints."""
        done = self.runs(BLOCKS[name])
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @staticmethod
    def ask(stack: RunningStack) -> str:
        """The release that answers somebody."""
        with stack.client() as client:
            return client.recommend("anybody").release


@contextmanager
def asking(stack: RunningStack) -> Iterator[list[str]]:
    """Visitors ask all the time; the releases that answered, one for each list."""
    answered: list[str] = []
    done = threading.Event()

    def ask(first: int) -> None:
        with stack.client() as client:
            for number in count(first):
                answered.append(client.recommend(f"visitor {number % VISITORS}", k=5).release)
                if done.wait(PAUSE):
                    return

    threads = [
        threading.Thread(target=ask, args=(place * VISITORS // ASKING,)) for place in range(ASKING)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.timeout(300)
def test_the_guide(tmp_path: Path) -> None:
    before = tiny_release(tmp_path)
    another_release(before, NEW)
    given = ("--releases", str(before.parent), "--release", before.name)
    with up(tmp_path / "var", *given, "--data", str(tmp_path / "tiny")) as stack:
        duty = OnDuty(tmp_path, told_of(stack, before.name))
        (tmp_path / "deploy").symlink_to(ROOT / "deploy")
        with asking(stack) as answered:
            promoted(duty)
            assert {*answered} == {before.name, NEW}
            aborted(duty, before.name)
            assert duty.ask(stack) == NEW
            went_back(duty)
        assert duty.ask(stack) == before.name


def promoted(duty: OnDuty) -> None:
    assert "At the soonest all users have the new release after 30 s." in duty.follows("plan")
    assert "running, step 1 of 3, 25 % of the users" in duty.follows("start")
    assert "promoted, step 3 of 3, 100 % of the users" in duty.follows("watch")
    history = duty.follows("history")
    for what in ("started", "prepared", "advance", "promoted"):
        assert what in history


def aborted(duty: OnDuty, before: str) -> None:
    said = duty.follows("by_hand")
    assert f"{before} instead of {NEW}" in said
    for what in ("paused", "running", "rolled back"):
        assert what in said
    assert "support calls" in duty.follows("history")
    assert duty.runs(BLOCKS["watch"]).returncode == ROLLED_BACK


def went_back(duty: OnDuty) -> None:
    said = duty.follows("back")
    assert "running, step 1 of 2, 50 % of the users" in said
    assert "promoted, step 2 of 2, 100 % of the users" in said


def told_of(stack: RunningStack, before: str) -> dict[str, str]:
    port = ROLLOUT_PORT + stack.workspace.port_offset
    return {
        "RECSTACK_ROLLOUT_ADDRESS": f"127.0.0.1:{port}",
        "RECSTACK_ADMIN_TOKEN_FILE": str(stack.workspace.secrets / ADMIN_TOKEN),
        "RELEASE": NEW,
        "BEFORE": before,
    }
