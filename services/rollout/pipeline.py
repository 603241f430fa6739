"""What the rollout service is made of."""

import os
import socket
from contextlib import AsyncExitStack

from prometheus_client import REGISTRY

from services.chassis.address import joined
from services.chassis.redis import open_redis
from services.rollout.leader import LeaderConfig
from services.rollout.metrics import RolloutCollector
from services.rollout.rollouts import Rollouts
from services.rollout.settings import RolloutSettings


async def run_rollouts(settings: RolloutSettings, stack: AsyncExitStack) -> Rollouts:
    """Leads the rollouts, or waits to lead, until the stack ends; Redis need not be there.

    Raises:
        StartupError: the Redis address or the password file cannot be read.
    """
    # Without retries: what was written once must not be written again by somebody who led.
    client = open_redis(settings.redis_url, settings.redis_login, settings.redis_timeout, retries=0)
    stack.push_async_callback(client.aclose)
    config = LeaderConfig(
        settings.name or _own_name(settings.port),
        leader_seconds=settings.leader_seconds,
        lease_seconds=settings.lease_seconds,
    )
    rollouts = await stack.enter_async_context(Rollouts(client, config))
    collector = RolloutCollector(rollouts)
    REGISTRY.register(collector)
    stack.callback(REGISTRY.unregister, collector)
    return rollouts


def _own_name(port: int) -> str:
    return f"{joined(socket.gethostname(), port)} (process {os.getpid()})"
