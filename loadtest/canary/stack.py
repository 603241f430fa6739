"""The stack of the demonstration: every service a process, the rollout service, two gateways."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.canary.prepared import STABLE, Prepared
from recstack.child import Child, grpc_probe
from recstack.local_redis import local_redis
from recstack.preparation import fingerprint_of
from recstack.processes import ADMIN, GATEWAY, GATEWAY_PORT, HTTP_PORT, LOOPBACK, METRICS, Plan
from recstack.redis_users import OPERATOR
from recstack.secrets import key_file
from recstack.security import ADMIN_TOKEN, Security
from recstack.stack import check_ports
from recstack.standalone import user_imports
from recstack.supervisor import Supervisor
from recstack.users import load_users, users_of
from recstack.workspace import Workspace
from services.chassis.redis import Login

Say = Callable[[str], None]

SECOND = 10  # what the ports of the second gateway are above those of the first
PREFIX = "RECSTACK_GATEWAY_"


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that answers.

    Attributes:
        gateways: their gRPC addresses.
        stats: where each gateway shows its /stats.
        metrics: where each gateway shows its metrics.
        rollout: address of the rollout service.
        token: file of the token it wants.
        redis: address of Redis, and who may read everything in it.
        supervisor: of the processes.
    """

    gateways: tuple[str, ...]
    stats: tuple[str, ...]
    metrics: tuple[str, ...]
    rollout: str
    token: Path
    redis: tuple[str, Login]
    supervisor: Supervisor


def plan_of(prepared: Prepared, offset: int) -> Plan:
    """The stack with one gateway, in a workspace without anything of the run before."""
    workspace = Workspace(prepared.root / "stack", offset)
    for folder in (workspace.redis, workspace.policy.parent):
        shutil.rmtree(folder, ignore_errors=True)
    security = Security(None, workspace.secrets, key_file(workspace.secrets / ADMIN_TOKEN))
    return Plan(
        workspace,
        LOOPBACK,
        str(prepared.releases.resolve()),
        release=STABLE,
        pseudonym_key=str(key_file(workspace.secrets / "pseudonym.key")),
        page_key=str(key_file(workspace.secrets / "page.key")),
        security=security,
    )


@asynccontextmanager
async def running(prepared: Prepared, offset: int, say: Say) -> AsyncIterator[Running]:
    """Starts it with the users of the world, and ends it.

    Raises:
        StartupError: a part of it does not start.
    """
    plan = plan_of(prepared, offset)
    for above in (0, SECOND):  # else the second gateway could share a port with a stranger's
        check_ports(replace(plan, workspace=replace(plan.workspace, port_offset=offset + above)))
    redis = local_redis(plan.workspace, "", plan.security)
    plan = replace(plan, redis_url=redis.url)
    first = [[redis.child]] if redis.child else []
    phases = [*first, *_with_second_gateway(plan)]
    supervisor = Supervisor(phases, say)
    try:
        await supervisor.start()
        login = plan.security.redis_login("feature_store")
        async with user_imports(plan.redis_url, login) as imports:
            await load_users(imports, fingerprint_of(prepared.data), users_of(prepared.data))
        assert plan.security.admin_token is not None
        yield Running(
            tuple(plan.address(GATEWAY_PORT + above) for above in (0, SECOND)),
            tuple(f"{plan.url(HTTP_PORT + above)}/stats" for above in (0, SECOND)),
            tuple(f"{plan.url(GATEWAY_PORT + METRICS + above)}/metrics" for above in (0, SECOND)),
            plan.rollout_address,
            plan.security.admin_token,
            (plan.redis_url, plan.security.redis_login(OPERATOR)),
            supervisor,
        )
    finally:
        await supervisor.stop()


def _with_second_gateway(plan: Plan) -> list[list[Child]]:
    *before, last = plan.phases()
    gateway = next(child for child in last if child.name == GATEWAY)
    return [*before, [*last, _second(plan, gateway)]]


def _second(plan: Plan, gateway: Child) -> Child:
    ports = {
        "PORT": GATEWAY_PORT,
        "HTTP_PORT": HTTP_PORT,
        "METRICS_PORT": GATEWAY_PORT + METRICS,
        "ADMIN_PORT": GATEWAY_PORT + ADMIN,
    }
    own = {f"{PREFIX}{name}": str(plan.port(base + SECOND)) for name, base in ports.items()}
    policy = plan.workspace.policy.with_name("policy-2.json")
    own[f"{PREFIX}POLICY_FILE"] = str(policy.resolve())
    return replace(
        gateway,
        name=f"{GATEWAY}-2",
        environment={**gateway.environment, **own},
        log=plan.workspace.logs / f"{GATEWAY}-2.log",
        probe=grpc_probe(plan.address(GATEWAY_PORT + SECOND)),
    )
