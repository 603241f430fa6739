"""What each process of a stack is told."""

from dataclasses import replace
from pathlib import Path

from recstack.processes import EVENTS, EVENTS_PORT, GATEWAY_PORT, METRICS, STAGES, Plan
from recstack.workspace import Workspace
from services.chassis.settings import ServerSettings
from services.events.settings import EventsSettings
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.settings import GatewaySettings
from services.prerank.settings import PrerankSettings
from services.rank.settings import RankSettings
from services.recall.settings import RecallSettings
from services.rerank.settings import RerankSettings

PLAN = Plan(
    Workspace(Path("var"), port_offset=100),
    "127.0.0.1",
    "var/releases",
    release="r1",
    redis_url="redis://127.0.0.1:6499/0",
)

SETTINGS: dict[str, type[ServerSettings]] = {
    "gateway": GatewaySettings,
    "events": EventsSettings,
    "feature_store": FeatureStoreSettings,
    "recall": RecallSettings,
    "prerank": PrerankSettings,
    "rank": RankSettings,
    "rerank": RerankSettings,
}


def test_a_service_started_by_hand_has_the_ports_that_up_gives_it() -> None:
    for name, port in {"gateway": GATEWAY_PORT, EVENTS: EVENTS_PORT, **STAGES}.items():
        default = {key: field.default for key, field in SETTINGS[name].model_fields.items()}
        assert (default["port"], default["metrics_port"]) == (port, port + METRICS), name


def test_the_gateway_is_told_where_each_stage_listens() -> None:
    stages, (gateway,) = PLAN.phases()
    ports = {c.name: c.environment[f"RECSTACK_{c.name.upper()}_PORT"] for c in stages}
    assert ports.keys() == {*STAGES, EVENTS}
    for name, port in ports.items():
        if name == EVENTS:
            continue  # nobody calls it
        assert gateway.environment[f"RECSTACK_GATEWAY_{name.upper()}"] == f"127.0.0.1:{port}"


def test_the_scoring_stages_know_no_redis() -> None:
    stages, (gateway,) = PLAN.phases()
    told = {c.name for c in (*stages, gateway) if PLAN.redis_url in c.environment.values()}
    assert told == {"feature_store", "recall", EVENTS, "gateway"}


def test_who_logs_has_the_key_of_pseudonyms_and_who_reads_the_log_has_not() -> None:
    stages, (gateway,) = replace(PLAN, pseudonym_key="/secret/p", page_key="/secret/t").phases()
    told = {
        c.name: [v for v in c.environment.values() if "secret" in v] for c in (*stages, gateway)
    }
    assert told.pop("gateway") == ["/secret/p", "/secret/t"]
    assert told.pop("feature_store") == ["/secret/p"]
    assert not any(told.values())


def test_events_run_beside_workers_too() -> None:
    (events,), workers = replace(PLAN, workers=3).phases()
    assert events.name == EVENTS
    assert len(workers) == 3


def test_every_process_serves_the_same_release() -> None:
    stages, (gateway,) = PLAN.phases()
    for child in (*stages, gateway):
        assert child.environment[f"RECSTACK_{child.name.upper()}_RELEASE"] == "r1"


def test_no_port_is_used_twice_and_all_are_offset() -> None:
    for plan in (PLAN, replace(PLAN, workers=3), replace(PLAN, workers=64)):
        ports = plan.ports()
        assert len(set(ports)) == len(ports)
        unmoved = replace(plan, workspace=Workspace(Path("var"))).ports()
        assert ports == [port + 100 for port in unmoved]


def test_every_port_that_is_told_is_checked_before_the_start() -> None:
    for plan in (PLAN, replace(PLAN, workers=3)):
        told = {
            int(value)
            for phase in plan.phases()
            for child in phase
            for name, value in child.environment.items()
            if name.endswith("_PORT") and not name.endswith("_REUSE_PORT")
        }
        assert told == set(plan.ports())


def test_workers_share_the_serving_ports_and_have_one_of_their_own() -> None:
    _, workers = replace(PLAN, workers=2).phases()
    shared = [w.environment["RECSTACK_GATEWAY_PORT"] for w in workers]
    own = [w.environment["RECSTACK_GATEWAY_METRICS_PORT"] for w in workers]
    assert [w.name for w in workers] == ["worker-0", "worker-1"]
    assert len(set(shared)) == 1
    assert len(set(own)) == 2


def test_every_service_shares_its_ports_with_the_one_that_replaces_it() -> None:
    stages, (gateway,) = PLAN.phases()
    for child in (*stages, gateway):
        assert child.environment[f"RECSTACK_{child.name.upper()}_REUSE_PORT"] == "1"
    _, workers = replace(PLAN, workers=2).phases()
    assert {w.environment["RECSTACK_GATEWAY_REUSE_PORT"] for w in workers} == {"1"}
