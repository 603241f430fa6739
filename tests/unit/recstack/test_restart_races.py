"""Restarts of children that die, hang or are given up meanwhile: no process is lost."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from recstack import supervisor as module
from recstack.child import Child, spawn
from recstack.control import controlled, restart
from recstack.supervisor import Patience, Supervisor
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from tests.unit.recstack.test_supervisor import FAST, TELLS, alive, child, running, until

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + TELLS


class Observed(Supervisor):
    """Tells when a new process serves; what follows without a wait is then done."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.served = asyncio.Event()

    async def _serving(self, *args: Any) -> None:
        await super()._serving(*args)
        self.served.set()


async def test_a_restart_while_a_dead_child_is_started_again_leaves_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: list[Process] = []
    go_on, kept = asyncio.Event(), asyncio.Event()

    async def slow(of: Child, notify: str = "") -> Process:
        process = await spawn(of, notify)
        spawned.append(process)
        if not notify and len(spawned) > 1:
            kept.set()
            await go_on.wait()
        return process

    monkeypatch.setattr(module, "spawn", slow)
    supervisor = Observed([[child(tmp_path, "a", TELLS, doubles=True)]], print, FAST)
    try:
        async with running(supervisor):
            os.kill(supervisor.pids["a"], signal.SIGKILL)
            await kept.wait()
            restarting = asyncio.create_task(supervisor.restart("a"))
            await supervisor.served.wait()
            go_on.set()
            await restarting
            assert [p.pid for p in spawned if alive(p.pid)] == [supervisor.pids["a"]]
        assert len(spawned) == 3
        assert not [p.pid for p in spawned if alive(p.pid)]
    finally:
        for process in spawned:
            with suppress(ProcessLookupError):
                process.kill()


async def test_a_replaced_process_ends_with_the_stack_when_the_restart_is_given_up(
    tmp_path: Path,
) -> None:
    patience = Patience(grace=0.2, poll=0.01)
    supervisor = Supervisor([[child(tmp_path, "a", DEAF, doubles=True)]], print, patience)
    async with running(supervisor):
        first = supervisor.pids["a"]
        restarting = asyncio.create_task(supervisor.restart("a"))
        await until(lambda: supervisor.pids["a"] != first)
        restarting.cancel()
        await asyncio.gather(restarting, return_exceptions=True)
        assert alive(first)
    assert not alive(first)


async def test_a_stack_that_goes_away_is_no_success(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    asked = asyncio.Event()

    class Hangs(Supervisor):
        async def restart(self, name: str) -> None:
            asked.set()
            await asyncio.Event().wait()

    supervisor = Hangs([[child(tmp_path, "a", TELLS, doubles=True)]], print, FAST)
    async with running(supervisor):
        async with controlled(supervisor) as address:
            workspace.announce({"control": [address]})
            asking = asyncio.create_task(asyncio.to_thread(lambda: [*restart(workspace, ["a"])]))
            await asked.wait()
        with pytest.raises(StartupError, match="went away before it was done"):
            await asking


async def test_what_nobody_expected_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    class Broken(Supervisor):
        async def restart(self, name: str) -> None:
            raise OSError("no more processes")

    supervisor = Broken([[child(tmp_path, "a", TELLS, doubles=True)]], print, FAST)
    async with running(supervisor), controlled(supervisor) as address:
        workspace.announce({"control": [address]})
        with pytest.raises(StartupError, match="no more processes"):
            await asyncio.to_thread(lambda: [*restart(workspace, ["a"])])
        reader, writer = await asyncio.open_unix_connection(address)
        writer.write(b"noise\n")
        assert "error" in json.loads(await reader.readline())
        writer.close()
