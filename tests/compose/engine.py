"""A project of docker compose, and what the engine knows of its containers."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import RunningStack

ROOT = Path(__file__).parents[2]
SERVICES = (
    *("redis", "feature-store", "recall", "prerank", "rank", "rerank", "events"),
    *("gateway", "gateway-2", "rollout"),
)
ONCE = ("secrets", "bootstrap")
UP_SECONDS = 1200  # images are built and a release is trained


def absent() -> str:
    """Why there is no engine to test with; empty: there is one."""
    for command in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except OSError:
            return "docker is not installed"
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return f"{' '.join(command)} failed: {lines[-1] if lines else done.returncode}"
    return ""


def docker(*arguments: str, check: bool = True, seconds: float = 120) -> str:
    """What the client prints."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Project:
    """The compose file as a project of its own name, on host ports of its own."""

    name: str
    environment: Mapping[str, str]

    def compose(self, *arguments: str, seconds: float = UP_SECONDS) -> str:
        """What a command of docker compose prints on standard output."""
        done = subprocess.run(
            ["docker", "compose", "-p", self.name, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def up(self, *services: str) -> None:
        """Starts services, all without names, and waits until they are healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "180", *services)

    def seed(self) -> None:
        """Gives it the checkout's data and releases, as far as there are any."""
        for name in ("data", "releases"):
            if (folder := ROOT / "var" / name).is_dir():
                copy = ("-c", f"cp -r /given/. var/{name}")
                mount = ("--volume", f"{folder}:/given:ro")
                run = ("run", "--rm", "--entrypoint", "sh", *mount, "bootstrap")
                self.compose(*run, *copy)

    def container(self, service: str) -> str:
        """The id of its container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def state(self, service: str) -> dict[str, Any]:
        """How its container is: Status, Health.Status, ExitCode; RestartCount beside them."""
        (found,) = json.loads(docker("inspect", self.container(service)))
        return {**found["State"], "RestartCount": found["RestartCount"]}

    def healthy(self, service: str) -> bool:
        state = self.state(service)
        return bool(state["Status"] == "running" and state["Health"]["Status"] == "healthy")

    def crash(self, service: str) -> None:
        """Kills its processes from inside: the engine does not restart what is killed by hand."""
        docker("exec", self.container(service), "sh", "-c", "kill -KILL -1", check=False)

    def things(self) -> set[str]:
        """Its containers and networks, and all volumes: those without a name say not whose."""
        own = ("--filter", f"label=com.docker.compose.project={self.name}")
        lists = (("ps", "--all", *own), ("network", "ls", *own), ("volume", "ls"))
        return {line for command in lists for line in docker(*command, "--quiet").splitlines()}


@dataclass(frozen=True, slots=True)
class ComposeStack(RunningStack):
    """The stack in containers; both gateways are asked where a client takes two addresses.

    `process` is not there: no process of this one is its parent.
    """

    project: Project
    second: str
