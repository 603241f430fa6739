"""How a stack starts, refuses to start, and ends."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest

from models.schema.manifest import Manifest
from recstack.processes import (
    EVENTS,
    EVENTS_PORT,
    GATEWAY_PORT,
    METRICS,
    ROLLOUT,
    ROLLOUT_PORT,
    STAGES,
)
from services.inference.store import ReleaseStore
from tests.e2e.stack import (
    RECSTACK,
    ROOT,
    RunningStack,
    alive,
    children_of,
    free_offset,
    has_torch,
    name,
    run_recstack,
    up,
    wait_until,
)
from tests.redis import RedisServer, running

RELEASES = ROOT / "var/releases"


@pytest.fixture
def releases(stack: RunningStack, tmp_path: Path) -> Path:
    """A folder with a copy of the release that the stack serves."""
    assert stack.ready
    release = ReleaseStore(str(RELEASES)).current()
    shutil.copytree(RELEASES / release, tmp_path / "releases" / release)
    (tmp_path / "releases" / "current").write_text(release)
    return tmp_path / "releases"


def refused(*arguments: str) -> str:
    """What a stack says that does not start."""
    done = run_recstack("up", "--port-offset", str(free_offset()), *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_service_has_torch(stack: RunningStack) -> None:
    pids = stack.pids()
    services = {
        **STAGES,
        EVENTS: EVENTS_PORT,
        ROLLOUT: ROLLOUT_PORT,
        "gateway": GATEWAY_PORT,
    }
    assert pids.keys() == {*services, "redis"}
    for service, port in services.items():
        address = f"http://127.0.0.1:{port + METRICS + stack.workspace.port_offset}/metrics"
        assert not has_torch(pids[service], httpx.get(address).text), service


def test_no_worker_has_torch(workers: RunningStack) -> None:
    metrics = [httpx.get(f"{url}/metrics").text for url in workers.workspace.running()["stats"]]
    children = children_of(workers.process.pid)
    pids = [pid for pid, command in children if name(command) == "standalone"]
    assert len(pids) == len(metrics) == 2
    assert not any(has_torch(pid, text) for pid, text in product(pids, metrics))


def test_a_second_stack_on_the_same_ports_says_who_has_them(
    stack: RunningStack, tmp_path: Path
) -> None:
    offset = ("--port-offset", str(stack.workspace.port_offset))
    same = refused("--var", str(stack.workspace.root), *offset)
    assert f"process {stack.process.pid}" in same
    assert "--port-offset" in same
    other = refused("--var", str(tmp_path), *offset)
    assert re.search(r"port \d+ is taken by process \d+: .*services\.gateway", other)
    assert "--port-offset" in other


def test_a_release_that_is_not_there_is_said_before_anything_starts(releases: Path) -> None:
    said = refused("--var", str(releases.parent), "--releases", str(releases), "--release", "no")
    assert "no release no" in said
    assert not (releases.parent / "log").exists()


def test_a_release_with_one_flipped_byte_is_refused(releases: Path) -> None:
    release = (releases / "current").read_text()
    victim = releases / release / sorted(Manifest.read(releases / release).files)[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    said = refused("--var", str(releases.parent), "--releases", str(releases))
    assert "was changed after the release was made" in said
    assert not (releases.parent / "log").exists()


def test_bad_options_are_said_in_a_line(tmp_path: Path) -> None:
    var = ("--var", str(tmp_path))
    assert "--standalone" in refused(*var, "--workers", "2")
    assert "no such folder" in refused(*var, "--data", str(tmp_path / "nothing"))
    assert "does not exist" in refused(*var, "--port-offset", "20000")


@pytest.mark.parametrize("placement", [(), ("--standalone", "--workers", "2")])
def test_ctrl_c_leaves_no_child(stack: RunningStack, var: Path, placement: tuple[str, ...]) -> None:
    with up(var, *placement) as own:
        pids = own.pids()
        assert len(own.answer("recommend", "--user", "196")["items"]) == 20
        own.process.send_signal(signal.SIGINT)
        assert own.process.wait(30) == 0
        assert not any(alive(pid) for pid in pids.values())


def test_children_end_with_a_killed_parent(stack: RunningStack, var: Path) -> None:
    with up(var) as own:
        pids = own.pids()
        os.kill(pids["rank"], signal.SIGSTOP)
        own.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids.values()), "the children have ended")


def test_a_killed_gateway_comes_back(stack: RunningStack) -> None:
    pid = stack.pids()["gateway"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: stack.pids().get("gateway", pid) != pid, "a new gateway")

    def answered() -> bool:
        return stack.recstack("recommend", "--user", "500").returncode == 0

    wait_until(answered, "an answer")
    news = (stack.workspace.root / "news.txt").read_text()
    assert "gateway was killed by SIGKILL; restarting" in news


def test_lists_need_no_rollout_service(stack: RunningStack, var: Path) -> None:
    with up(var, environment={"RECSTACK_ROLLOUT_LEASE_SECONDS": "never"}) as own:
        assert len(own.answer("recommend", "--user", "196")["items"]) == 20
        assert "RECSTACK_ROLLOUT_LEASE_SECONDS" in (var / "news.txt").read_text()


@pytest.fixture
def locked_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that asks for a password."""
    with running(tmp_path / "redis", password="right") as server:
        yield server


def test_a_wrong_redis_password_is_told_and_lists_are_degraded(
    stack: RunningStack, locked_redis: RedisServer, var: Path
) -> None:
    url = f"redis://:not-the-password@127.0.0.1:{locked_redis.port}/0"
    with up(var, environment={"RECSTACK_REDIS_URL": url}) as own:
        answer = own.answer("recommend", "--user", "196")
        assert len(answer["items"]) == 20
        assert {d["stage"] for d in answer["degraded"]} >= {"feature_store", "seen"}
    said = [path.read_text() for path in var.rglob("*") if path.is_file()]
    assert any("refused the password (WRONGPASS)" in text for text in said)
    assert not any("not-the-password" in text for text in said)


def test_without_redis_lists_are_degraded(stack: RunningStack, var: Path) -> None:
    with up(var, environment={"RECSTACK_REDIS_URL": "redis://127.0.0.1:1/0"}) as own:
        answer = own.answer("recommend", "--user", "196")
        assert len(answer["items"]) == 20
        assert {d["stage"] for d in answer["degraded"]} >= {"feature_store", "seen"}
        assert "rollout" in own.pids()
        place = ("--var", str(var), "--port-offset", str(own.workspace.port_offset))
        said = run_recstack("rollout", "status", *place)
        assert (said.returncode, "Redis" in said.stderr) == (2, True)


def test_users_that_a_redis_has_are_left_as_they_are(stack: RunningStack, var: Path) -> None:
    with up(var, environment={"RECSTACK_REDIS_URL": stack.redis}) as own:
        assert own.answer("recommend", "--user", "196")["cold_start"] is False
        assert "redis" not in own.pids()


def test_signals_before_it_is_ready_end_it_too(stack: RunningStack, var: Path) -> None:
    command = [str(RECSTACK), "up", "--var", str(var)]
    with subprocess.Popen(
        [*command, "--port-offset", str(stack.workspace.port_offset + 10)], cwd=ROOT
    ) as process:
        wait_until(lambda: (var / "log").exists(), "children are started")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
