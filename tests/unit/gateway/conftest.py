"""One small release for all tests of the gateway."""

from collections.abc import Iterator

import pytest
import structlog

from services.chassis import log
from services.gateway.release import GatewayRelease
from tests.unit.gateway.world import World, make_release, make_world


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> GatewayRelease:
    return make_release(tmp_path_factory.mktemp("release") / "r1")


@pytest.fixture
def world(release: GatewayRelease) -> World:
    return make_world(release, deadline_seconds=60.0)


@pytest.fixture(autouse=True)
def json_logs() -> Iterator[None]:
    """As in a service; the default renders a crash for people, longer than a request may take."""
    log.configure("gateway", "info")
    yield
    structlog.reset_defaults()
