"""Prometheus of the profile `observability`: it reaches every service, every panel has data.

Grafana is not started: what it shows are these queries.
"""

import json

import pytest

from tests.compose.engine import ComposeStack
from tests.e2e.test_dashboard import (
    Prometheus,
    test_every_service_is_up_and_every_panel_has_data,
)

__all__ = ["test_every_service_is_up_and_every_panel_has_data"]


@pytest.fixture(scope="module")
def prometheus(stack: ComposeStack) -> Prometheus:
    stack.project.up("prometheus")
    return Prometheus(f"http://127.0.0.1:{stack.project.environment['PROMETHEUS_PORT']}")


def test_both_gateways_are_scraped(prometheus: Prometheus) -> None:
    found = {one["metric"]["instance"] for one in prometheus.query('up{job="gateway"}')}
    assert found == {"gateway:51050", "gateway-2:51050"}


def test_the_rules_are_loaded(stack: ComposeStack) -> None:
    inside = ("exec", "prometheus", "promtool", "query", "instant", "--format", "json")
    said = stack.project.compose(*inside, "http://127.0.0.1:9090", "prometheus_rule_group_rules")
    assert sum(int(one["value"][1]) for one in json.loads(said)) > 0


def test_locust_loads_a_gateway(stack: ComposeStack) -> None:
    patience = ("--p99", "10000", "--deadline", "10", "--degraded", "1", "--late", "1")
    options = ("--address", "gateway:50050", "--rate", "5", "--seconds", "3", *patience)
    said = stack.project.compose("run", "--rm", "load", "python", "-m", "loadtest", *options)
    assert "var/load" in said
