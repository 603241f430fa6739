"""All facts about a stack, collected at once."""

import asyncio

from recstack.doctor.facts import Asked, Facts
from recstack.doctor.gather.asked import ask
from recstack.doctor.gather.certificates import certificates_of
from recstack.doctor.gather.disks import disks_of
from recstack.doctor.gather.places import WORKER
from recstack.doctor.gather.redis import look_at_redis
from recstack.doctor.gather.release import release_of
from recstack.doctor.gather.services import look_at_services
from recstack.doctor.gather.traffic import look_at_traffic
from recstack.doctor.target import Target
from recstack.processes import GATEWAY, ROLLOUT


async def facts_of(target: Target) -> Facts:
    """What can be known now; whatever does not answer within a few seconds is a fact too."""
    plan = target.plan
    seen, (redis, backlogs), release = await asyncio.gather(
        look_at_services(target),
        look_at_redis(target),
        asyncio.to_thread(release_of, plan),
    )
    reached = redis.users[0].trouble is None
    answering = seen.serving(GATEWAY) or seen.serving(WORKER)
    return Facts(
        now=target.clock(),
        limits=target.limits,
        services=seen.services,
        redis=redis,
        release=release,
        asked=await ask(target, seen) if answering else Asked(),
        backlogs=backlogs,
        disks=disks_of(plan),
        certificates=certificates_of(plan),
        traffic=await look_at_traffic(target, seen.serving(ROLLOUT)) if reached else None,
    )
