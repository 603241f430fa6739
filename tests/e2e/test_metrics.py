"""What the services of a running stack export is what the table declares, no more and no less."""

from collections.abc import Iterable

import httpx
import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

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
from services.telemetry.metric import Kind, Metric
from services.telemetry.table import EVERY, TABLE, WITH_RELEASE
from tests.e2e.stack import RunningStack

PORTS = {GATEWAY: GATEWAY_PORT, **STAGES, EVENTS: EVENTS_PORT, ROLLOUT: ROLLOUT_PORT}
RELEASES = (GATEWAY, "recall", "prerank", "rank", "rerank")


def declared(*sections: str) -> dict[str, Metric]:
    return {metric.name: metric for section in sections for metric in TABLE[section]}


def of_service(service: str) -> dict[str, Metric]:
    more = (WITH_RELEASE,) if service in RELEASES else ()
    return declared(EVERY, service, *more)


def exported(url: str) -> dict[str, Family]:
    """By the names of the table: the parser takes `_total` off."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    families = text_string_to_metric_families(text)
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in families
    }


def check(found: dict[str, Family], table: dict[str, Metric]) -> None:
    assert sorted(found) == sorted(table)
    for name, family in found.items():
        metric = table[name]
        assert family.type == metric.kind.value, name
        assert family.documentation == metric.meaning or not name.startswith("recstack_"), name
        for sample in family.samples:
            extra = {"le"} if sample.name.endswith("_bucket") else set()
            assert set(sample.labels) - extra == set(metric.labels), name
        if metric.kind is Kind.HISTOGRAM:
            bounds = {s.labels["le"] for s in family.samples if "le" in s.labels}
            assert {float(bound) for bound in bounds} <= {*metric.buckets, float("inf")}, name


@pytest.fixture(scope="module")
def used(stack: RunningStack) -> RunningStack:
    """A stack that was asked, told, and asked something that is wrong."""
    with stack.client() as client:
        answer = client.recommend("7", k=5)
    assert stack.recstack("event", "--user", "7", "--item", answer.items[0].item_id).returncode == 0
    assert httpx.get(f"{stack.http}/v1/users/7/recommendations?k=0").status_code == 400
    place = ("--var", str(stack.workspace.root), "--port-offset", str(stack.workspace.port_offset))
    assert stack.recstack("rollout", "status", *place).returncode == 0
    return stack


@pytest.mark.parametrize("service", PORTS)
def test_a_service_exports_what_is_declared(used: RunningStack, service: str) -> None:
    port = PORTS[service] + METRICS + used.workspace.port_offset
    found = exported(f"http://127.0.0.1:{port}")
    check(found, of_service(service))
    if service != EVENTS:  # it has no rpcs
        assert sum(_values(found["recstack_rpc_duration_seconds"], "_count")) > 0
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        assert sum(_values(found[name])) > 0
    assert sum(_values(found["python_gc_collections_total"])) > 0


def test_the_gateway_says_what_it_was_asked(used: RunningStack) -> None:
    found = exported(used.http)
    assert _count(found["recstack_gateway_requests_total"], rpc="Recommend", code="OK") >= 1
    http = found["recstack_http_request_duration_seconds"]
    route = "/v1/users/{user_id}/recommendations"
    assert _count(http, "_count", route=route, code="400") >= 1
    for stage in ("recall", "prerank", "rank", "rerank"):
        kept = found["recstack_gateway_stage_kept_candidates_total"]
        assert _count(kept, stage=stage) >= 5
        latency = found["recstack_gateway_stage_duration_seconds"]
        assert _count(latency, "_count", stage=stage) >= 1


def test_a_standalone_worker_exports_what_all_services_do(workers: RunningStack) -> None:
    port = GATEWAY_PORT + METRICS + workers.workspace.port_offset
    check(exported(f"http://127.0.0.1:{port}"), declared(*(set(TABLE) - {EVENTS, ROLLOUT})))


def _values(family: Family, suffix: str = "") -> Iterable[float]:
    return [sample.value for sample in family.samples if sample.name.endswith(suffix)]


def _count(family: Family, suffix: str = "", **labels: str) -> float:
    wanted = labels.items()
    return sum(
        sample.value
        for sample in family.samples
        if sample.name.endswith(suffix) and wanted <= sample.labels.items()
    )
