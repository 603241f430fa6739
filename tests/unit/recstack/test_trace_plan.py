"""What services are told of traces."""

from dataclasses import replace
from pathlib import Path

import pytest

from recstack.processes import Plan
from recstack.workspace import Workspace
from services.gateway.settings import GatewaySettings
from services.rank.settings import RankSettings

ENDPOINT = "http://127.0.0.1:4317"
PLAN = Plan(Workspace(Path("var")), "127.0.0.1", "var/releases", trace=ENDPOINT, trace_ratio=0.25)


def told(plan: Plan) -> dict[str, str]:
    """Every variable about traces, of all processes."""
    variables = (child.environment.items() for phase in plan.phases() for child in phase)
    return {name: value for pairs in variables for name, value in pairs if "_TRACE_" in name}


@pytest.mark.parametrize("workers", [0, 2])
def test_every_service_sends_its_spans_and_the_gateway_alone_begins_traces(workers: int) -> None:
    variables = told(replace(PLAN, workers=workers))
    assert variables.pop("RECSTACK_GATEWAY_TRACE_RATIO") == "0.25"
    services = ("GATEWAY", "FEATURE_STORE", "RECALL", "PRERANK", "RANK", "RERANK", "EVENTS")
    assert variables == {f"RECSTACK_{service}_TRACE_ENDPOINT": ENDPOINT for service in services}


def test_without_an_endpoint_nothing_is_told() -> None:
    assert told(replace(PLAN, trace="")) == {}


def test_a_service_follows_traces_and_the_gateway_begins_them() -> None:
    assert (RankSettings().trace_ratio, GatewaySettings().trace_ratio) == (0.0, 1.0)
    assert (RankSettings().trace_parents, GatewaySettings().trace_parents) == (True, False)
