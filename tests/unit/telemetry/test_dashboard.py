"""The dashboard and its provisioning: panels of declared metrics, queries that Prometheus reads."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from recstack.processes import (
    EVENTS,
    EVENTS_PORT,
    GATEWAY,
    GATEWAY_PORT,
    METRICS,
    ROLLOUT,
    ROLLOUT_PORT,
    STAGES,
)
from tests.unit.telemetry.expressions import problems
from tests.unit.telemetry.files import DASHBOARD, OBSERVABILITY, PROMTOOL, needs_promtool

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
PORTS = {GATEWAY: GATEWAY_PORT, **STAGES, EVENTS: EVENTS_PORT, ROLLOUT: ROLLOUT_PORT}


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_a_panel_reads_declared_metrics(title: str, expression: str) -> None:
    assert list(problems(expression)) == []


def test_panels_can_be_told_apart_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in BOARD["panels"]]
    assert len(set(titles)) == len(titles)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in BOARD["panels"]):
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]


@needs_promtool
def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression) in enumerate(QUERIES)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [str(PROMTOOL), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.local.yml"])
def test_every_service_is_scraped(name: str) -> None:
    config = yaml.safe_load((OBSERVABILITY / name).read_text())
    jobs = {job["job_name"]: job["static_configs"] for job in config["scrape_configs"]}
    for service, port in PORTS.items():
        (one,) = jobs.pop(service)
        assert {target.rpartition(":")[2] for target in one["targets"]} == {str(port + METRICS)}
    assert list(jobs) == ["prometheus"]


def test_grafana_finds_the_data_source_and_the_dashboard() -> None:
    provisioning = OBSERVABILITY / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((provisioning / "dashboards/recstack.yml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"
    assert BOARD["uid"] == "recstack"
