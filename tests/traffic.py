"""What the rollout does to traffic, for tests of those who follow."""

import redis.asyncio

from services.domain.traffic import Policy
from services.domain.traffic_document import LEASE_KEY, POLICY_KEY, dump


async def publish(leader: redis.asyncio.Redis, policy: Policy, seconds: float = 60.0) -> None:
    """Writes policy and lease at once; without seconds, there is no lease."""
    pipe = leader.pipeline(transaction=True)
    pipe.set(POLICY_KEY, dump(policy))
    pipe.delete(LEASE_KEY)
    if seconds:
        pipe.set(LEASE_KEY, policy.version, px=int(seconds * 1000))
    await pipe.execute()
