"""Which Redis a stack uses, on real servers."""

from pathlib import Path

import pytest

from recstack.local_redis import local_redis
from recstack.processes import REDIS_PORT
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from tests.redis import free_port, running


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose Redis port is free."""
    return Workspace(tmp_path, free_port() - REDIS_PORT)


def test_a_named_redis_is_used_as_it_is(workspace: Workspace) -> None:
    found = local_redis(workspace, "redis://elsewhere:6379/2")
    assert (found.url, found.child) == ("redis://elsewhere:6379/2", None)


async def test_else_one_in_the_workspace_is_to_be_started(workspace: Workspace) -> None:
    found = local_redis(workspace)
    assert found.child is not None
    assert not await found.child.probe()
    port = REDIS_PORT + workspace.port_offset
    with running(workspace.redis, port):
        assert await found.child.probe()


def test_one_that_was_left_over_is_used_again(workspace: Workspace) -> None:
    with running(workspace.redis, REDIS_PORT + workspace.port_offset) as left:
        found = local_redis(workspace)
        assert (found.url, found.child) == (left.url, None)


def test_a_redis_of_somebody_else_is_not_used(workspace: Workspace, tmp_path: Path) -> None:
    port = REDIS_PORT + workspace.port_offset
    with running(tmp_path / "other", port), pytest.raises(StartupError, match=str(port)) as error:
        local_redis(workspace)
    assert "RECSTACK_REDIS_URL" in error.value.hint
