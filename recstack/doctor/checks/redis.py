"""The Redis of the stack."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts, RedisTrouble
from recstack.doctor.finding import Finding, Severity

FULL = 0.9  # of maxmemory


def away(facts: Facts) -> Iterator[Finding]:
    """Redis does not answer: every user is unknown, nothing can be stored."""
    redis, user = facts.redis, facts.redis.trouble
    if user is None or user.trouble is RedisTrouble.PASSWORD or redis.stranger:
        return
    if redis.own and not facts.started:
        return  # it is not there because the stack is not
    if user.trouble is RedisTrouble.BUSY:
        what, remedy = "cannot serve now", "wait until it has read its file; its log says how far"
    else:
        what = "is down: users are unknown, events and items cannot be stored"
        remedy = (
            "start it (`recstack up` does, unless RECSTACK_REDIS_URL names another), look into its "
            "log, or set the right RECSTACK_REDIS_URL; services connect again by themselves"
        )
    yield Finding("redis_down", f"Redis {what}", f"{redis.address}: {user.message}", remedy)


def refused(facts: Facts) -> Iterator[Finding]:
    """Redis does not know somebody who asks it."""
    for user in facts.redis.users:
        if user.trouble is RedisTrouble.PASSWORD:
            yield Finding(
                "redis_password",
                f"Redis refuses the password of {user.name}",
                f"{facts.redis.address}: {user.message}",
                "give the password that Redis has: in RECSTACK_REDIS_URL, or in the password file "
                "of the user; after a change of the stack's own files start its Redis again",
            )


def cannot_write(facts: Facts) -> Iterator[Finding]:
    """Redis answers, but what it is given is not on its disk."""
    info = facts.redis.info
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            yield Finding(
                "redis_cannot_write",
                "Redis cannot write to its disk, and refuses what should be stored",
                f"{name} is {info[name]}",
                "make room on its disk, and look into its log",
            )


def memory(facts: Facts) -> Iterator[Finding]:
    """Redis is full, or would forget at random when it is."""
    info = facts.redis.info
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if not most:
        return
    if used > FULL * most:
        yield Finding(
            "redis_memory",
            "Redis is nearly out of memory",
            f"{used} of {most} bytes are used",
            "raise maxmemory, or keep users for a shorter time (user_days)",
        )
    if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
        yield Finding(
            "redis_evicts",
            "Redis forgets users and counters at random when it is full",
            f"maxmemory-policy is {policy}",
            "set maxmemory-policy noeviction",
            Severity.WARNING,
        )
