"""The supervisor on real processes."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recstack.child import Child
from recstack.control import controlled, restart
from recstack.supervisor import Patience, Supervisor
from recstack.workspace import Workspace
from services.chassis.errors import StartupError

FAST = Patience(first_delay=0.01, last_delay=0.04, ready=20.0, grace=5.0, poll=0.01)
WAITS = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS


TELLS = (
    "import os, socket; told = os.environ['NOTIFY_SOCKET']; "
    "told and socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', told); " + WAITS
)


def child(folder: Path, name: str, code: str, doubles: bool = False) -> Child:
    """A Python program that touches a file when it runs; the file is its sign of life."""
    sign = folder / f"{name}.sign"

    async def probe() -> bool:
        return sign.exists()

    command = (sys.executable, "-c", code, str(sign))
    return Child(name, command, folder / f"{name}.log", probe, doubles=doubles)


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    try:
        await supervisor.start()
        yield
    finally:
        await supervisor.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


async def test_all_children_run_and_none_is_left(tmp_path: Path) -> None:
    phases = [[child(tmp_path, "a", WAITS)], [child(tmp_path, "b", DEAF)]]
    supervisor = Supervisor(phases, print, Patience(grace=0.2, poll=0.01))
    async with running(supervisor):
        pids = supervisor.pids
        assert pids.keys() == {"a", "b"}
        assert all(map(alive, pids.values()))
    assert not any(map(alive, pids.values()))


async def test_a_killed_child_is_started_again_and_people_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor([[child(tmp_path, "a", WAITS)]], said.append, FAST)
    async with running(supervisor):
        first = supervisor.pids["a"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pids.get("a", first) != first)
    assert said == ["a was killed by SIGKILL; restarting in 0.0 s"]


async def test_a_restart_replaces_the_process_when_the_new_one_serves(tmp_path: Path) -> None:
    said: list[str] = []
    phases = [[child(tmp_path, "redis", WAITS)], [child(tmp_path, "a", TELLS, doubles=True)]]
    supervisor = Supervisor(phases, said.append, FAST)
    async with running(supervisor):
        first, redis = supervisor.pids["a"], supervisor.pids["redis"]
        await supervisor.restart("a")
        second = supervisor.pids["a"]
        assert first != second
        assert not alive(first)
        assert supervisor.restartable == ["a"]
        assert supervisor.pids["redis"] == redis
        assert not said, "nothing died"
        os.kill(second, signal.SIGKILL)
        await until(lambda: supervisor.pids.get("a", second) != second)
    assert len(said) == 1, "the new one is kept, too"


async def test_a_new_process_that_does_not_serve_leaves_the_old_one(tmp_path: Path) -> None:
    refuses = "import sys; sys.stderr.write('a: no release'); sys.exit(2)"
    once = f"import os\nif os.environ['NOTIFY_SOCKET']:\n    {refuses}\nelse:\n    {WAITS}"
    supervisor = Supervisor([[child(tmp_path, "a", once, doubles=True)]], print, FAST)
    async with running(supervisor):
        first = supervisor.pids["a"]
        with pytest.raises(StartupError, match="a: no release") as refused:
            await supervisor.restart("a")
        assert "serves on" in refused.value.hint
        assert supervisor.pids["a"] == first
        assert alive(first)


async def test_commands_reach_the_stack_that_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    phases = [[child(tmp_path, name, TELLS, doubles=True) for name in ("a", "b")]]
    supervisor = Supervisor(phases, print, FAST)

    def ask(*names: str) -> list[str]:
        return list(restart(workspace, names))

    with pytest.raises(StartupError, match="no stack runs here"):
        ask()
    async with running(supervisor), controlled(supervisor) as address:
        workspace.announce({"control": [address]})
        before = supervisor.pids
        assert await asyncio.to_thread(ask) == ["a", "b"]
        assert await asyncio.to_thread(ask, "b") == ["b"]
        assert not {*before.values()} & {*supervisor.pids.values()}
        with pytest.raises(StartupError, match="no service c can be restarted"):
            await asyncio.to_thread(ask, "c")
    with pytest.raises(StartupError, match="the stack does not answer"):
        ask()


async def test_the_delay_doubles_up_to_its_limit(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); sys.exit(1)"
    patience = Patience(first_delay=0.1, last_delay=0.4, settled=60, poll=0.01)
    supervisor = Supervisor([[child(tmp_path, "a", code)]], said.append, patience)
    async with running(supervisor):
        await until(lambda: len(said) >= 4)
    delays = [line.rsplit(" ", 2)[1] for line in said[:4]]
    assert delays == ["0.1", "0.2", "0.4", "0.4"]


async def test_a_child_that_refuses_to_start_ends_the_start_with_its_own_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import sys; print('{}', flush=True); sys.stderr.write('rank: no release'); sys.exit(2)"
    supervisor = Supervisor([[child(tmp_path, "rank", code)]], print, FAST)
    with pytest.raises(StartupError, match="rank: no release"):
        async with running(supervisor):
            pass
    assert supervisor.pids == {}
    gc.collect()
    assert not caplog.records, "no stack trace of what was given up"


async def test_a_child_that_is_not_needed_holds_nothing_up(tmp_path: Path) -> None:
    refuses = "import sys; sys.stderr.write('rollout: no token'); sys.exit(2)"
    dies = "import sys; sys.exit(1)"
    hangs = "import signal; signal.pause()"
    for name, code, words in (
        ("refuses", refuses, "rollout: no token"),
        ("dies", dies, "dies ended with exit code 1"),
        ("hangs", hangs, "no answer from hangs"),
    ):
        said: list[str] = []
        spare = replace(child(tmp_path, name, code), needed=False)
        patience = replace(FAST, ready=1.0) if name == "hangs" else FAST
        supervisor = Supervisor([[child(tmp_path, "a", WAITS), spare]], said.append, patience)
        async with running(supervisor):
            assert alive(supervisor.pids["a"])
            assert words in "\n".join(said)


async def test_a_child_that_is_not_needed_is_waited_for_while_it_starts(tmp_path: Path) -> None:
    slow = f"import time; time.sleep(0.5); {WAITS}"
    spare = replace(child(tmp_path, "spare", slow), needed=False)
    async with running(Supervisor([[child(tmp_path, "a", WAITS), spare]], print, FAST)):
        assert (tmp_path / "spare.sign").exists()


async def test_a_child_that_never_answers_is_named(tmp_path: Path) -> None:
    code = "import signal; signal.pause()"
    supervisor = Supervisor([[child(tmp_path, "rank", code)]], print, Patience(ready=0.1))
    with pytest.raises(StartupError, match="no answer from rank"):
        async with running(supervisor):
            pass
    assert supervisor.pids == {}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
async def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from tests.unit.recstack.test_supervisor import WAITS, Supervisor, child

async def main():
    supervisor = Supervisor([[child(Path({str(tmp_path)!r}), "a", WAITS)]], print)
    await supervisor.start()
    print(supervisor.pids["a"], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    os.kill(pid, signal.SIGSTOP)  # a frozen child, too
    parent.kill()
    parent.wait()
    await until(lambda: not alive(pid))
    parent.stdout.close()
