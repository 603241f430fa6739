"""Traffic of a gateway: the policy followed, and its effects reported, as the settings say."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from services.chassis.redis import open_redis
from services.domain.traffic import Policy
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.clock import steady
from services.gateway.traffic.disk import PolicyFile
from services.gateway.traffic.follow import Follower, FollowerConfig
from services.gateway.traffic.report import Standing, TrafficReporter
from services.gateway.traffic.store import TrafficStore

TIMEOUT_SECONDS = 0.5  # of Redis: a change is to be applied within a second


@dataclass(frozen=True, slots=True)
class Traffic:
    """The policy as it is followed, and where it comes from; `store` is None without a Redis."""

    follower: Follower
    store: TrafficStore | None

    async def report(self, standing: Callable[[], Standing], stack: AsyncExitStack) -> None:
        """Reports each second what `standing` says, until the stack ends."""
        if self.store is not None:
            name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
            reporter = TrafficReporter(self.store, name, self.follower, standing, steady)
            await stack.enter_async_context(reporter)


async def open_traffic(settings: GatewaySettings, stack: AsyncExitStack, first: Policy) -> Traffic:
    """The policy in the Redis of the settings, read once; followed until the stack ends.

    Args:
        settings: which Redis, and where the copy of the policy is.
        stack: ends the following.
        first: holds where there is no other.

    Raises:
        StartupError: the address of Redis cannot be read.
    """
    store = None
    if settings.redis_url.get_secret_value():
        timeout = min(settings.redis_timeout, TIMEOUT_SECONDS)
        redis = open_redis(settings.redis_url, settings.redis_login, timeout, retries=0)
        stack.push_async_callback(redis.aclose)
        store = TrafficStore(redis)
    file = PolicyFile(settings.policy_file) if settings.policy_file else None
    follower = Follower(store, first, FollowerConfig(file))
    await stack.enter_async_context(follower)
    return Traffic(follower, store)
