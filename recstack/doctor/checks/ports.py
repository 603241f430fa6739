"""Ports of the stack."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding


def taken(facts: Facts) -> Iterator[Finding]:
    """A port that another program listens on: the service cannot start, or is not the one asked."""
    for service in facts.services:
        for port, who in service.strangers.items():
            yield _finding(f"port {port} of {service.name}", who)
    if facts.redis.stranger:
        yield _finding(f"{facts.redis.address} of Redis", facts.redis.stranger)


def _finding(port: str, who: str) -> Finding:
    return Finding(
        "port_taken",
        f"{port} is taken by something else",
        who,
        "stop it, or start the stack on other ports with --port-offset 100",
    )
