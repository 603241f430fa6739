"""The doctor names each fault that a real stack is given, and nothing when there is none."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from models.schema.manifest import Manifest
from recstack import Event
from recstack.certs import make_certificates
from recstack.doctor.checks import examined
from recstack.doctor.facts import Limits
from recstack.doctor.finding import Finding
from recstack.doctor.gather.facts import facts_of
from recstack.doctor.target import Target
from recstack.processes import STAGES, Plan
from recstack.secrets import key_file
from recstack.security import Security
from recstack.workspace import Workspace
from services.domain.traffic import Policy
from services.domain.traffic_document import POLICY_KEY
from services.domain.traffic_report import GATEWAYS_KEY, GatewayReport, dump, report_key
from tests.e2e.stack import RECSTACK, free_offset
from tests.integration.process_stack import ProcessStack, process_stack
from tests.redis import RedisServer, own_redis
from tests.releases import release, release_copy
from tests.traffic import publish

__all__ = ["own_redis", "release", "release_copy"]

PATIENT = Limits(stage_seconds=30.0, skew_seconds=30.0, free_bytes=1)
HOUR = 3600.0
PATIENCE = 60.0


Found = dict[str, list[Finding]]


async def look(
    plan: Plan, limits: Limits = PATIENT, clock: Callable[[], float] = time.time
) -> Found:
    """What the doctor finds, by fault."""
    facts = await facts_of(Target(plan, limits, clock, lists=1))
    found: Found = defaultdict(list)
    for finding in examined(facts):
        found[finding.fault].append(finding)
    return found


async def until(enough: Callable[[Found], bool], plan: Plan, *looking: Any) -> Found:
    """What is found once it is what it should be: on a busy machine services may be late."""
    async with asyncio.timeout(PATIENCE):
        while not enough(found := await look(plan, *looking)):
            await asyncio.sleep(0.1)
    return found


async def well(stack: ProcessStack) -> None:
    """When the stack has got over a fault: services connect and breakers close by themselves."""
    await until(lambda found: not found, stack.plan)


async def redis_down(stack: ProcessStack, server: RedisServer) -> None:
    server.kill()
    (finding,) = (await look(stack.plan))["redis_down"]
    assert str(server.port) in finding.evidence
    server.start()


async def wrong_password(stack: ProcessStack, server: RedisServer) -> None:
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "right")
    (none,) = (await look(stack.plan))["redis_password"]
    url = f"redis://:wrong@127.0.0.1:{server.port}/0"
    (wrong,) = (await look(replace(stack.plan, redis_url=url)))["redis_password"]
    assert "wants a password" in none.evidence
    assert "does not know this password" in wrong.evidence
    assert not any(secret in str(wrong) for secret in ("right", "wrong@"))
    with redis.Redis(port=server.port, password="right") as client:
        client.config_set("requirepass", "")


async def missing_release(stack: ProcessStack, folder: Path) -> None:
    aside = folder.with_name("aside")
    folder.rename(aside)
    (finding,) = (await look(stack.plan))["missing_release"]
    aside.rename(folder)
    assert folder.name in finding.evidence


async def schema_mismatch(stack: ProcessStack, folder: Path) -> None:
    manifest = Manifest.read(folder)
    replace(manifest, schema_hash="0" * 64).write(folder)
    found = await until(lambda found: found.keys() == {"schema_mismatch"}, stack.plan)
    manifest.write(folder)
    assert "000000000000" in found["schema_mismatch"][0].evidence


async def slow_stage(stack: ProcessStack) -> None:
    stack.signal("rank", signal.SIGSTOP)
    found = await until(lambda found: "slow_stage" in found, stack.plan)
    stack.signal("rank", signal.SIGCONT)
    assert "rank" in found["slow_stage"][0].what
    assert "rank" in found["service_silent"][0].what


async def event_lag(stack: ProcessStack) -> None:
    stack.signal("events", signal.SIGSTOP)
    async with stack.client as client:
        item = (await client.recommend("reader", k=1)).items[0].item_id
        await client.record_events([Event(user_id="reader", item_id=item)])
    found = await look(stack.plan, replace(PATIENT, lag_seconds=0.0))
    stack.signal("events", signal.SIGCONT)
    assert "events:" in found["event_lag"][0].evidence
    assert "events" in found["service_silent"][0].what


async def clock_skew(stack: ProcessStack) -> None:
    """As if this machine were an hour behind all others."""
    clock = partial(_behind, HOUR)
    found = await until(lambda found: len(found["clock_skew"]) == 2, stack.plan, PATIENT, clock)
    of_redis, of_gateway = found["clock_skew"]
    assert "Redis is 3600" in of_redis.evidence
    assert "gateway is 3" in of_gateway.evidence
    assert "ahead" in of_redis.evidence
    assert "ahead" in of_gateway.evidence


def _behind(seconds: float) -> float:
    return time.time() - seconds


async def traffic(stack: ProcessStack, server: RedisServer) -> None:
    """Policies that nobody, or not everybody, can follow, while no leader puts them right."""
    stack.signal("rollout", signal.SIGSTOP)
    stable = stack.plan.release
    behind = GatewayReport("far-1", 9.0, 1, False, {"gateway": {stable: "loaded"}})
    async with redis.asyncio.Redis(port=server.port) as client:
        await client.set(POLICY_KEY, '{"version": 1, "stable": "r", "weight": 400}')
        (malformed,) = (await look(stack.plan))["policy_malformed"]
        assert "weight" in malformed.evidence
        await publish(client, Policy(2, stable, "absent", weight=10.0, control=10.0), seconds=0)
        await client.zadd(GATEWAYS_KEY, {"far-1": (time.time() + HOUR) * 1000})
        await client.set(report_key("far-1"), dump(behind))
        found = await until(lambda found: "lease_expired" in found, stack.plan)
        assert "10 percent" in found["lease_expired"][0].evidence
        (late,) = found["policy_behind"]
        assert late.evidence == "it has version 2; far-1 applies 1"
        await client.delete(report_key("far-1"))
        await publish(client, Policy(3, "absent"))
        found = await until(lambda found: "stable_missing" in found, stack.plan)
        assert "absent" in found["stable_missing"][0].what
        await publish(client, Policy(4, stable))
    assert "rollout" in found["service_silent"][0].what
    stack.signal("rollout", signal.SIGCONT)


async def full_disk(stack: ProcessStack) -> None:
    assert "full_disk" in await look(stack.plan, replace(PATIENT, free_bytes=2**62))


async def port_taken(plan: Plan) -> None:
    with closing(socket.create_server((plan.host, plan.port(STAGES["rank"])))):
        found = await look(plan)
    (finding,) = found["port_taken"]
    assert f"process {os.getpid()}:" in finding.evidence
    assert "rank" in finding.what


async def expired_certificate(plan: Plan, folder: Path) -> None:
    make_certificates(folder, days=1, now=datetime.now(UTC) - timedelta(days=3))
    found = await look(replace(plan, security=Security(folder)))
    assert str(folder / "rank.crt") in found["expired_certificate"][0].what
    assert "bad_certificate" not in found


def doctor(stack: ProcessStack, *options: str) -> tuple[int, Any]:
    """The command on the stack: its exit code, and what it prints as JSON."""
    plan = stack.plan
    where = ["--var", str(plan.workspace.root), "--port-offset", str(plan.workspace.port_offset)]
    what = ["--releases", plan.releases, "--release", plan.release, "--slow-ms", "30000"]
    done = subprocess.run(
        [str(RECSTACK), "doctor", *where, *what, "--json", *options],
        env={**os.environ, "RECSTACK_REDIS_URL": plan.redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


@pytest.mark.timeout(180)
async def test_each_fault(release_copy: Path, own_redis: RedisServer, tmp_path: Path) -> None:
    key, token = (key_file(tmp_path / name) for name in ("pseudonym.key", "admin.token"))
    options = {"pseudonym_key": str(key), "security": Security(admin_token=token)}
    async with process_stack(release_copy, own_redis, tmp_path, **options) as stack:
        await well(stack)
        code, printed = doctor(stack, "--free-mb", str(2**40))
        assert (code, printed["findings"][0]["fault"]) == (1, "full_disk")
        while (healthy := doctor(stack, "--free-mb", "0"))[0]:
            await asyncio.sleep(0.1)
        assert healthy == (0, {"healthy": True, "findings": []})
        await full_disk(stack)
        await clock_skew(stack)
        await missing_release(stack, release_copy)
        await schema_mismatch(stack, release_copy)
        await event_lag(stack)
        await well(stack)
        await slow_stage(stack)
        await well(stack)
        await wrong_password(stack, own_redis)
        await traffic(stack, own_redis)
        await well(stack)
        await redis_down(stack, own_redis)
        await well(stack)
        other = Workspace(tmp_path / "other", free_offset())
        stopped = replace(stack.plan, workspace=other)
        await port_taken(stopped)
        await expired_certificate(stopped, tmp_path / "tls")


FILLED = """
mount -t tmpfs -o size=1m tmpfs "$1" && head -c 2m /dev/zero > "$1/fill" 2>/dev/null
"$2" doctor --var "$1" --port-offset 5 --json
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="no right to mount a file system of its own",
)
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A file system of 1 MiB, filled; it ends with the process that sees it."""
    command = ["unshare", "-rm", "sh", "-c", FILLED, "sh", str(tmp_path), str(RECSTACK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    findings = json.loads(done.stdout)["findings"]
    assert findings[0]["fault"] == "full_disk"
    assert findings[0]["evidence"].startswith("0 MiB of 1 MiB are free")
    assert done.returncode == 1
