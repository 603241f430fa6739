"""The containers themselves: they are healthy, and hold to what the compose file says of them."""

import json

import pytest

from tests.compose.engine import ONCE, ROOT, SERVICES, ComposeStack, docker
from tests.e2e.stack import wait_until


def test_every_service_is_healthy_and_what_runs_once_succeeded(stack: ComposeStack) -> None:
    assert [name for name in SERVICES if not stack.project.healthy(name)] == []
    for name in ONCE:
        state = stack.project.state(name)
        assert (state["Status"], state["ExitCode"]) == ("exited", 0)


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_do_little(stack: ComposeStack, service: str) -> None:
    (found,) = json.loads(docker("inspect", stack.project.container(service)))
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["NanoCpus"] > 0
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    inside = "id -u; touch /x 2>/dev/null || echo read-only"
    said = docker("exec", stack.project.container(service), "sh", "-c", inside)
    assert said.split() == ["10001", "read-only"]


def test_no_service_has_torch(stack: ComposeStack) -> None:
    found = stack.project.compose(
        *("exec", "rank", "python", "-c"),
        "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('polars'))",
    )
    assert found.split() == ["None", "None"]


@pytest.mark.parametrize("image", ["serving", "training", "load"])
def test_an_image_has_the_versions_of_the_constraints(stack: ComposeStack, image: str) -> None:
    said = docker("run", "--rm", "--entrypoint", "pip", f"recstack-{image}", "freeze")
    found = {line.partition("+")[0].lower() for line in said.splitlines() if "==" in line}
    cuda = {line for line in found if line.startswith(("nvidia-", "cuda-", "triton"))}
    named = (ROOT / "deploy/images/constraints.txt").read_text().lower().splitlines()
    assert "grpcio==" in said
    assert found - cuda <= {*named}  # torch names the versions of those itself


def test_load_does_not_find_redis(stack: ComposeStack) -> None:
    ask = "import socket\ntry: socket.gethostbyname('redis')\nexcept OSError: print('unknown')"
    said = stack.project.compose("run", "--rm", "--no-deps", "load", "python", "-c", ask)
    assert said.split() == ["unknown"]


def test_a_service_sees_its_own_secrets_alone(stack: ComposeStack) -> None:
    seen = stack.project.compose("exec", "recall", "ls", "var/secrets").split()
    assert seen == ["redis-recall.password"]
    assert stack.project.compose("exec", "rank", "ls", "var/secrets").split() == []
    listed = ("run", "--rm", "--no-deps", "--entrypoint", "ls", "bootstrap", "var/secrets")
    assert "redis-operator.password" not in stack.project.compose(*listed).split()


def test_a_second_bootstrap_keeps_the_release(stack: ComposeStack) -> None:
    before = stack.project.compose("exec", "rank", "cat", "var/releases/current")
    stack.project.compose("run", "--rm", "bootstrap")
    assert stack.project.compose("exec", "rank", "cat", "var/releases/current") == before


def test_what_redis_has_survives_its_container(stack: ComposeStack) -> None:
    with stack.client() as client:
        shown = {item.item_id for item in client.recommend("900").items}
    stack.project.compose("up", "--detach", "--wait", "--force-recreate", "--no-deps", "redis")
    with stack.client() as client:
        wait_until(lambda: not client.recommend("901").degraded, "Redis is found again")
        answer = client.recommend("900")
    assert not answer.cold_start
    assert not shown & {item.item_id for item in answer.items}
