"""The whole stack in one event loop: gateway with its stages, the events service, a real Redis."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr

from recstack import AsyncClient
from recstack.standalone import in_process
from services.chassis.server import started
from services.events.pipeline import EventsService, run_events
from services.events.settings import EventsSettings
from services.gateway.mount import mounted
from services.gateway.settings import GatewaySettings
from tests.redis import RedisServer, free_port

PATIENCE = 30.0
SECRET = "5e" * 32


@dataclass
class Whole:
    """A running stack. `log`: where the events service writes files; `address`: of gRPC."""

    address: str
    client: AsyncClient
    http: httpx.AsyncClient
    redis: redis.Redis
    events: EventsService
    log: Path


@asynccontextmanager
async def whole_stack(
    release: Path,
    server: RedisServer,
    folder: Path,
    environment: pytest.MonkeyPatch,
    **changes: Any,
) -> AsyncIterator[Whole]:
    """Everything on, keys of pages and pseudonyms included; patience instead of deadlines.

    `changes`: other settings of the gateway.
    """
    secret = folder / "secret.key"
    secret.write_text(SECRET)
    environment.setenv("RECSTACK_FEATURE_STORE_REDIS_URL", server.url)
    environment.setenv("RECSTACK_FEATURE_STORE_REDIS_TIMEOUT", str(PATIENCE))
    environment.setenv("RECSTACK_FEATURE_STORE_PSEUDONYM_KEY_FILE", str(secret))
    environment.setenv("RECSTACK_RECALL_REDIS_URL", server.url)
    environment.setenv("RECSTACK_RECALL_CHANNEL_TIMEOUT", str(PATIENCE))
    for service in ("RECALL", "PRERANK", "RANK", "RERANK"):
        environment.setenv(f"RECSTACK_{service}_RELEASES", str(release.parent))
        environment.setenv(f"RECSTACK_{service}_RELEASE", release.name)
    gateway = GatewaySettings(
        port=0,
        http_port=free_port(),
        metrics_port=0,
        drain_seconds=0.0,
        deadline_seconds=PATIENCE,
        releases=str(release.parent),
        release=release.name,
        redis_url=SecretStr(server.url),
        redis_timeout=PATIENCE,
        pseudonym_key_file=secret,
        page_key_file=secret,
        **changes,
    )
    log = folder / "log"
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        settings = EventsSettings(redis_url=SecretStr(server.url), log=log, file_seconds=0.2)
        events = await run_events(settings, stack)
        running = await enter(started("gateway", gateway, mounted(gateway, in_process)))
        address = f"127.0.0.1:{running.port}"
        client = await enter(AsyncClient(address, timeout=PATIENCE))
        base = f"http://127.0.0.1:{gateway.http_port}"
        http = await enter(httpx.AsyncClient(base_url=base, timeout=PATIENCE))
        raw = stack.enter_context(redis.Redis(port=server.port))
        yield Whole(address, client, http, raw, events, log)
