"""Rollouts and what gateways make of them, as Redis has both."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis as Client

from recstack.doctor.gather.redis import logins_of
from recstack.doctor.target import Target
from recstack.doctor.traffic import Follower, Traffic
from services.chassis.redis import RedisError, open_redis
from services.domain.traffic import Policy, PolicyError
from services.domain.traffic_document import LEASE_KEY, POLICY_KEY
from services.domain.traffic_document import parse as parse_policy
from services.domain.traffic_report import GATEWAYS_KEY, ReportError, report_key
from services.domain.traffic_report import parse as parse_report

LEADER_KEY = "rollout:leader"
LOADED = "loaded"
SETTLE_SECONDS = 1.5  # a policy is applied within a second, and reported each second
LOOKS = 3


async def look_at_traffic(target: Target, led: bool) -> Traffic | None:
    """What Redis says; None: whoever asks may not see it, or it does not answer.

    Where not all gateways apply the policy, or nobody leads though somebody should (`led`), it
    looks again: both take seconds.
    """
    url, login = SecretStr(target.plan.redis_url), next(iter(logins_of(target).values()))
    async with open_redis(url, login, retries=0) as client:
        with suppress(RedisError):
            found = await _look(client)
            for _ in range(LOOKS - 1):
                if not _changing(found, led):
                    break
                await asyncio.sleep(SETTLE_SECONDS)
                found = await _look(client)
            return found
    return None


def _changing(found: Traffic, led: bool) -> bool:
    behind = any(one.version != found.version for one in found.followers)
    return (led and not found.leader) or (found.version is not None and behind)


async def _look(client: Client) -> Traffic:
    document, lease, leader = await client.mget(POLICY_KEY, LEASE_KEY, LEADER_KEY)
    policy, malformed = _policy(document)
    followers = await _followers(client, policy)
    if policy is None:
        return Traffic(leader is not None, malformed, followers=followers)
    return Traffic(
        leader=leader is not None,
        version=policy.version,
        stable=policy.stable,
        canary=policy.canary,
        weight=policy.weight,
        leased=lease == str(policy.version).encode(),
        followers=followers,
    )


def _policy(document: Any) -> tuple[Policy | None, str]:
    try:
        return (None if document is None else parse_policy(document)), ""
    except PolicyError as error:
        return None, str(error)


async def _followers(client: Client, policy: Policy | None) -> tuple[Follower, ...]:
    """Those that live: reports expire."""
    names: list[Any] = await client.zrange(GATEWAYS_KEY, 0, -1)
    keys = [report_key(name.decode()) for name in sorted(names)]
    found: list[Follower] = []
    for document in await client.mget(keys) if keys else ():
        with suppress(ReportError):
            if document is not None:
                report = parse_report(document)
                lacking = {} if policy is None else _lacking(report.stages, policy.stable)
                found.append(Follower(report.gateway, report.version, lacking))
    return tuple(found)


def _lacking(stages: Mapping[str, Mapping[str, str]], release: str) -> dict[str, str]:
    """Stage → what it says of a release that it has not loaded; a stage that says nothing: not."""
    return {
        stage: states.get(release, "not loaded")
        for stage, states in stages.items()
        if states and states.get(release) != LOADED
    }
