"""What the doctor looks for; causes before what they cause. To look for more, add a line."""

from collections.abc import Callable, Iterator

from recstack.doctor.checks import (
    certificates,
    clock,
    disk,
    log,
    ports,
    redis,
    release,
    services,
    stages,
    traffic,
)
from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("disks have room", disk.full),
    ("ports are the stack's own", ports.taken),
    ("certificates hold", certificates.ended),
    ("Redis answers", redis.away),
    ("Redis knows every service", redis.refused),
    ("Redis can write", redis.cannot_write),
    ("Redis has memory", redis.memory),
    ("clocks agree", clock.skewed),
    ("the release is there and whole", release.unusable),
    ("the release fits its feature schema", release.schema),
    ("services run", services.away),
    ("services serve", services.silent),
    ("services have the same release", services.releases),
    ("lists are answered", stages.unanswered),
    ("stages answer in time", stages.slow),
    ("stages answer at all", stages.failing),
    ("the log is read", log.behind),
    ("the traffic policy can be read", traffic.malformed),
    ("a rollout service leads", traffic.leaderless),
    ("gateways apply the traffic policy", traffic.behind),
    ("gateways have the stable release", traffic.stable_missing),
    ("the canary has its lease", traffic.unleased),
)


def examined(facts: Facts) -> list[Finding]:
    """What is wrong; empty: nothing."""
    return [finding for _, check in CHECKS for finding in check(facts)]
