"""Rollouts between containers: asked inside the service's own, followed by both gateways.

These come after test_observability, in which no alert may fire: a refused rollout is one.
"""

import json

import pytest

from tests.compose.engine import ComposeStack
from tests.e2e.stack import wait_until

IN_ROLLOUT = ("exec", "rollout", "recstack", "rollout")


def phase(stack: ComposeStack) -> str:
    view = json.loads(stack.project.compose(*IN_ROLLOUT, "status", "--json"))
    return str(view["record"]["phase"]) if view["record"] else ""


def test_a_release_that_no_container_has_is_refused(stack: ComposeStack) -> None:
    stack.project.compose(*IN_ROLLOUT, "start", "absent", "--no-wait")
    wait_until(lambda: phase(stack) == "refused", "the rollout is refused")
    view = json.loads(stack.project.compose(*IN_ROLLOUT, "status", "--json"))
    assert len(view["gateways"]) == 2
    assert "no release absent in var/releases" in view["record"]["why"]


@pytest.mark.parametrize("gateway", ["gateway", "gateway-2"])
def test_both_gateways_keep_the_policy_on_their_volume(stack: ComposeStack, gateway: str) -> None:
    stable = stack.project.compose("exec", "rank", "cat", "var/releases/current").strip()

    def kept() -> bool:
        copy = ("exec", gateway, "cat", "var/traffic/policy.json")
        try:
            return bool(json.loads(stack.project.compose(*copy))["stable"] == stable)
        except AssertionError:  # no copy yet
            return False

    wait_until(kept, "the policy is copied")


def test_redis_refused_nothing_of_it(stack: ComposeStack) -> None:
    look = "REDISCLI_AUTH=$(cat var/secrets/redis-operator.password) redis-cli --user operator"
    refused = stack.project.compose("exec", "redis", "sh", "-c", f"{look} ACL LOG")
    assert "rollout" not in refused


def test_nobody_but_its_own_container_reaches_it(stack: ComposeStack) -> None:
    probe = ("exec", "gateway", "python", "-m", "services.chassis.probe", "rollout:50048")
    with pytest.raises(AssertionError):
        stack.project.compose(*probe)
    seen = stack.project.compose("exec", "rollout", "ls", "var/secrets").split()
    assert seen == ["admin.token", "redis-rollout.password"]
