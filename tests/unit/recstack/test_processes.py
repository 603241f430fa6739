"""What each process of a stack is told."""

from dataclasses import replace
from pathlib import Path

from recstack.processes import (
    EVENTS,
    EVENTS_PORT,
    GATEWAY_PORT,
    METRICS,
    ROLLOUT,
    ROLLOUT_PORT,
    STAGES,
    Plan,
)
from recstack.security import Security
from recstack.workspace import Workspace
from services.chassis.settings import ServerSettings
from services.events.settings import EventsSettings
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.settings import GatewaySettings
from services.prerank.settings import PrerankSettings
from services.rank.settings import RankSettings
from services.recall.settings import RecallSettings
from services.rerank.settings import RerankSettings
from services.rollout.settings import RolloutSettings

PLAN = Plan(
    Workspace(Path("var"), port_offset=100),
    "127.0.0.1",
    "var/releases",
    release="r1",
    redis_url="redis://127.0.0.1:6499/0",
    security=Security(admin_token=Path("/secrets/admin.token")),
)

SETTINGS: dict[str, type[ServerSettings]] = {
    "gateway": GatewaySettings,
    "events": EventsSettings,
    "feature_store": FeatureStoreSettings,
    "recall": RecallSettings,
    "prerank": PrerankSettings,
    "rank": RankSettings,
    "rerank": RerankSettings,
    ROLLOUT: RolloutSettings,
}
PORTS = {"gateway": GATEWAY_PORT, EVENTS: EVENTS_PORT, ROLLOUT: ROLLOUT_PORT, **STAGES}


def test_a_service_started_by_hand_has_the_ports_that_up_gives_it() -> None:
    for name, port in PORTS.items():
        default = {key: field.default for key, field in SETTINGS[name].model_fields.items()}
        assert (default["port"], default["metrics_port"]) == (port, port + METRICS), name


def test_the_gateway_is_told_where_each_stage_listens() -> None:
    stages, (gateway, _) = PLAN.phases()
    ports = {c.name: c.environment[f"RECSTACK_{c.name.upper()}_PORT"] for c in stages}
    assert ports.keys() == {*STAGES, EVENTS}
    for name, port in ports.items():
        if name == EVENTS:
            continue  # nobody calls it
        assert gateway.environment[f"RECSTACK_GATEWAY_{name.upper()}"] == f"127.0.0.1:{port}"


def test_the_scoring_stages_know_no_redis() -> None:
    children = [child for phase in PLAN.phases() for child in phase]
    told = {c.name for c in children if PLAN.redis_url in c.environment.values()}
    assert told == {"feature_store", "recall", EVENTS, "gateway", ROLLOUT}


def test_who_logs_has_the_key_of_pseudonyms_and_who_reads_the_log_has_not() -> None:
    plan = replace(PLAN, pseudonym_key="/secret/p", page_key="/secret/t")
    children = [child for phase in plan.phases() for child in phase]
    told = {c.name: [v for v in c.environment.values() if "/secret/" in v] for c in children}
    assert told.pop("gateway") == ["/secret/p", "/secret/t"]
    assert told.pop("feature_store") == ["/secret/p"]
    assert not any(told.values())


def test_events_and_rollouts_run_beside_workers_too() -> None:
    (events,), (*workers, rollout) = replace(PLAN, workers=3).phases()
    assert events.name == EVENTS
    assert len(workers) == 3
    assert rollout.name == ROLLOUT
    assert rollout.command[1:] == ("-m", "services.rollout")


def test_every_process_serves_the_same_release() -> None:
    stages, (gateway, _) = PLAN.phases()
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
    _, (*workers, _) = replace(PLAN, workers=2).phases()
    shared = [w.environment["RECSTACK_GATEWAY_PORT"] for w in workers]
    own = [w.environment["RECSTACK_GATEWAY_METRICS_PORT"] for w in workers]
    assert [w.name for w in workers] == ["worker-0", "worker-1"]
    assert len(set(shared)) == 1
    assert len(set(own)) == 2


def test_every_service_shares_its_ports_with_the_one_that_replaces_it() -> None:
    for child in (child for phase in PLAN.phases() for child in phase):
        assert child.environment[f"RECSTACK_{child.name.upper()}_REUSE_PORT"] == "1"
    _, (*workers, _) = replace(PLAN, workers=2).phases()
    assert {w.environment["RECSTACK_GATEWAY_REUSE_PORT"] for w in workers} == {"1"}


def test_the_stack_serves_without_its_rollout_service() -> None:
    children = [child for phase in PLAN.phases() for child in phase]
    assert [child.name for child in children if not child.needed] == [ROLLOUT]


def test_those_who_administer_have_the_token_and_without_one_there_is_no_rollout() -> None:
    children = [child for phase in PLAN.phases() for child in phase]
    told = [c.name for c in children if "/secrets/admin.token" in c.environment.values()]
    assert told == ["gateway", ROLLOUT]
    without = replace(PLAN, security=Security())
    assert ROLLOUT not in {child.name for phase in without.phases() for child in phase}
    assert PLAN.port(ROLLOUT_PORT) not in without.ports()


def test_the_token_of_a_rollout_goes_over_no_network_in_plain_text() -> None:
    for tls, host in ((None, "127.0.0.1"), (Path("tls"), "192.0.2.1")):
        security = Security(tls, admin_token=Path("/secrets/admin.token"))
        plan = replace(PLAN, host="192.0.2.1", security=security)
        rollout = plan.phases()[-1][-1]
        assert rollout.environment["RECSTACK_ROLLOUT_HOST"] == host
        assert rollout.environment["RECSTACK_ROLLOUT_METRICS_HOST"] == "192.0.2.1"
        assert plan.rollout_address == f"{host}:{PLAN.port(ROLLOUT_PORT)}"
