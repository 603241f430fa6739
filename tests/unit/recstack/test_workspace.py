"""The lock on a workspace, and who holds a port."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from recstack import ports
from recstack.processes import Plan
from recstack.stack import check_ports
from recstack.workspace import Workspace
from services.chassis.errors import StartupError

HOLD = """
import sys
from pathlib import Path
from recstack.workspace import Workspace
with Workspace(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_stack_is_told_who_is_there_and_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(StartupError, match=f"process {holder.pid}") as error,
            Workspace(tmp_path).locked(),
        ):
            pass
        assert "--port-offset" in error.value.hint
        with Workspace(tmp_path, port_offset=100).locked():  # shares nothing with the first
            pass
        holder.kill()
    with Workspace(tmp_path).locked():  # the kernel has freed it
        pass


def test_what_is_announced_is_read_until_the_end(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.locked():
        workspace.announce({"stats": ["http://127.0.0.1:8080"]})
        assert Workspace(tmp_path).running() == {"stats": ["http://127.0.0.1:8080"]}
    assert workspace.running() == {}


def test_stacks_with_other_offsets_write_elsewhere(tmp_path: Path) -> None:
    one, other = Workspace(tmp_path), Workspace(tmp_path, port_offset=100)
    assert one.logs != other.logs
    assert one.redis != other.redis


def test_a_taken_port_is_found_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.taken("127.0.0.1", [port]) == [port]
        if sys.platform == "linux":
            assert str(ports.holder(port)).startswith(f"process {os.getpid()}: ")
    assert ports.taken("127.0.0.1", [port]) == []
    assert ports.holder(port) is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("/usr/bin/redis-server", "--requirepass", "hunter2"), "/usr/bin/redis-server"),
        (("redis-server 127.0.0.1:6399 --requirepass hunter2", ""), "redis-server"),
        (("python", "-m", "services.rank", "hunter2"), "python -m services.rank"),
        (("python", "-m"), "python"),
        (("",), "unknown"),
        ((), "unknown"),
    ],
)
def test_of_who_holds_a_port_the_program_alone_is_shown(words: tuple[str, ...], shown: str) -> None:
    assert str(ports.Holder(7, words)) == f"process 7: {shown}"


def test_a_host_of_another_machine_is_not_a_taken_port(tmp_path: Path) -> None:
    """192.0.2.1 is for documentation (RFC 5737): no machine has it."""
    with pytest.raises(StartupError, match=r"cannot listen on 192\.0\.2\.1: ") as error:
        check_ports(Plan(Workspace(tmp_path), "192.0.2.1", ""))
    assert "--host" in error.value.hint


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StartupError, match=f"cannot write to {tmp_path}/file/var: ") as error,
        Workspace(tmp_path / "file" / "var").locked(),
    ):
        pass
    assert "--var" in error.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "up.lock").symlink_to("/dev/full")
    with pytest.raises(StartupError, match="No space left"), Workspace(tmp_path).locked():
        pass
