"""Clocks of the machines of a stack."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding

WHOLE_SECOND = 1.0  # of an HTTP date


def skewed(facts: Facts) -> Iterator[Finding]:
    """Clocks that do not agree: events seem late or early, items expire at the wrong time."""
    if facts.redis.time is not None:
        yield from _compared("Redis", facts.redis.time - facts.redis.asked_at, facts, 0.0)
    if facts.asked.date is not None:
        theirs, ours = facts.asked.date
        yield from _compared("the gateway", theirs - ours, facts, WHOLE_SECOND)


def _compared(who: str, ahead: float, facts: Facts, precision: float) -> Iterator[Finding]:
    if abs(ahead) > facts.limits.skew_seconds + precision:
        yield Finding(
            "clock_skew",
            f"the clocks of {who} and of this machine do not agree",
            f"that of {who} is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}",
            "set both by NTP (chrony, systemd-timesyncd), and see that it runs",
        )
