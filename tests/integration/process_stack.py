"""Every service a real process, as `recstack up` runs them, on the tiny release."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recstack import AsyncClient
from recstack.child import Child
from recstack.processes import GATEWAY_PORT, HTTP_PORT, Plan
from recstack.supervisor import Supervisor
from recstack.workspace import Workspace
from tests.e2e.stack import free_offset
from tests.redis import RedisServer

HOST = "127.0.0.1"
# Long enough for a busy machine, short enough to be waited for when a stage hangs.
PATIENCE = {
    "RECSTACK_GATEWAY_DEADLINE_SECONDS": "3",
    "RECSTACK_RECALL_CHANNEL_TIMEOUT": "3",
    "RECSTACK_FEATURE_STORE_REDIS_TIMEOUT": "2",
}


@dataclass(frozen=True)
class ProcessStack:
    """A running stack."""

    plan: Plan
    supervisor: Supervisor

    @property
    def client(self) -> AsyncClient:
        return AsyncClient(self.plan.address(GATEWAY_PORT), timeout=30.0)

    @property
    def http(self) -> str:
        return f"http://{self.plan.address(HTTP_PORT)}"

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a service."""
        os.kill(self.supervisor.pids[name], number)


@asynccontextmanager
async def process_stack(
    release: Path, redis: RedisServer, folder: Path, **plan: Any
) -> AsyncIterator[ProcessStack]:
    """A process a stage; `plan`: further attributes of Plan."""
    made = Plan(
        Workspace(folder / "var", free_offset()),
        HOST,
        str(release.parent),
        release=release.name,
        redis_url=redis.url,
        **plan,
    )
    phases = [[_patient(child) for child in phase] for phase in made.phases()]
    supervisor = Supervisor(phases, lambda line: None)
    try:
        await supervisor.start()
        yield ProcessStack(made, supervisor)
    finally:
        await supervisor.stop()


def _patient(child: Child) -> Child:
    return replace(child, environment={**child.environment, **PATIENCE})
