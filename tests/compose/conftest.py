"""The stack in containers, built and brought up once for the run, then taken away.

It serves the checkout's release; with none, or one that its code cannot read, it trains one.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from recstack.processes import GATEWAY_PORT, HTTP_PORT
from recstack.workspace import Workspace
from tests.compose.engine import ComposeStack, Project, absent
from tests.e2e.stack import free_offset


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.is_relative_to(os.path.dirname(__file__))]
    reason = absent() if here else ""
    for item in here:
        item.add_marker(pytest.mark.compose)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        found = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in found]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """Both gateways answer. Afterwards `down --volumes` has left nothing."""
    offset = free_offset()
    grpc, http, prometheus, load = free_ports(4)
    ports = {
        "GRPC_PORT": GATEWAY_PORT + offset,
        "HTTP_PORT": HTTP_PORT + offset,
        "GRPC_PORT_2": grpc,
        "HTTP_PORT_2": http,
        "PROMETHEUS_PORT": prometheus,
        "LOCUST_PORT": load,
    }
    environment = {name: str(port) for name, port in ports.items()}
    project = Project(f"recstack-test-{os.getpid()}", environment)
    project.compose("--profile", "load", "build")
    workspace = Workspace(tmp_path_factory.mktemp("compose"), offset)
    before = project.things()
    process = cast("subprocess.Popen[str]", None)
    try:
        project.seed()
        project.up()
        yield ComposeStack(process, workspace, "", project, f"127.0.0.1:{grpc}")
    finally:
        profiles = ("--profile", "observability", "--profile", "load")
        project.compose(*profiles, "down", "--volumes", "--remove-orphans")
    assert project.things() <= before
