"""Which stack is looked at: what `recstack up` was, or would be, told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from recstack.doctor.facts import Limits
from recstack.processes import GATEWAY_PORT, METRICS, REDIS_PORT, Plan
from recstack.redis_server import find_server, speaks_tls
from recstack.redis_server import url as url_at
from recstack.redis_users import OPERATOR, password_file
from recstack.security import ADMIN_TOKEN, Security
from recstack.workspace import Workspace
from services.chassis.redis import NOBODY, Login


@dataclass(frozen=True, slots=True)
class Target:
    """A stack to look at.

    Attributes:
        plan: what runs where.
        limits: from where on something is wrong.
        clock: of this machine, unix seconds.
        lists: that the gateway is asked to explain.
        own_redis: the stack starts its Redis itself.
        login: who one is to a Redis that is not its own.
        at: name → host:port of services that are elsewhere than the plan says.
    """

    plan: Plan
    limits: Limits
    clock: Callable[[], float] = time.time
    lists: int = 5
    own_redis: bool = False
    login: Login = NOBODY
    at: Mapping[str, str] = field(default_factory=dict)


def plan_of(
    workspace: Workspace, host: str, releases: str, tls: Path | None, redis_url: str
) -> Plan:
    """The plan of a stack in this workspace, as far as it can be told without starting it.

    `redis_url`: empty: its own Redis.

    Raises:
        StartupError: no Redis program on this machine, which says whether its own speaks TLS.
    """
    own = workspace.secrets if password_file(workspace.secrets, OPERATOR).exists() else None
    token = workspace.secrets / ADMIN_TOKEN
    security = Security(tls, None if redis_url else own, token if token.exists() else None)
    encrypted = tls is not None and not redis_url and speaks_tls(find_server())
    url = redis_url or url_at(REDIS_PORT + workspace.port_offset, encrypted)
    workers = _workers(workspace)
    return Plan(workspace, host, releases, workers, redis_url=url, security=security)


def _workers(workspace: Workspace) -> int:
    """Of the standalone placement, when that runs here; 0: a process a stage."""
    urls = workspace.running().get("stats", ())
    first = GATEWAY_PORT + METRICS + workspace.port_offset
    return sum((urlsplit(url).port or 0) >= first for url in urls)
