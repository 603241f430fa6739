"""A real Prometheus beside a real stack: it reaches every service, and every panel has data."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stack import RunningStack, wait_until
from tests.unit.telemetry.files import OBSERVABILITY
from tests.unit.telemetry.test_dashboard import PORTS, QUERIES

BINARY = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(BINARY is None, reason="prometheus is not installed")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that scrapes every second."""

    url: str

    def query(self, expression: str) -> list[Any]:
        given = {"query": expression.replace("$__rate_interval", "1m")}
        answer = httpx.get(f"{self.url}/api/v1/query", params=given, trust_env=False).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def prometheus(stack: RunningStack, tmp_path: Path) -> Iterator[Prometheus]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own = probe.getsockname()[1]
    text = (OBSERVABILITY / "prometheus.local.yml").read_text().replace(": 5s", ": 1s")
    text = re.sub(
        r"127\.0\.0\.1:(5\d+)",
        lambda found: f"127.0.0.1:{int(found[1]) + stack.workspace.port_offset}",
        text,
    ).replace(":9090", f":{own}")
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(OBSERVABILITY / "alerts.yml", tmp_path)
    options = (
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{own}",
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([str(BINARY), *options], stdout=log, stderr=log)
    try:
        running = Prometheus(f"http://127.0.0.1:{own}")
        wait_until(running.ready, "Prometheus is ready")
        yield running
    finally:
        process.terminate()
        process.wait(30)


def test_every_service_is_up_and_every_panel_has_data(
    stack: RunningStack, prometheus: Prometheus
) -> None:
    def missing() -> list[str]:
        with stack.client() as client:
            client.recommend("9", k=5)
        httpx.get(f"{stack.http}/v1/users/9/recommendations", trust_env=False)
        return [f"{title}: {query}" for title, query in QUERIES if not prometheus.query(query)]

    left = ["nothing was asked yet"]

    def complete() -> bool:
        left[:] = missing()
        return not left

    try:
        wait_until(complete, "every panel has data")
    except AssertionError as error:
        raise AssertionError("\n".join(left)) from error
    up = {one["metric"]["job"]: one["value"][1] for one in prometheus.query("up")}
    assert up == {**dict.fromkeys(PORTS, "1"), "prometheus": "1"}
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
