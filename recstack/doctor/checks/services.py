"""Processes of the stack."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts, Service
from recstack.doctor.finding import Finding


def away(facts: Facts) -> Iterator[Finding]:
    """Nobody listens where a service should."""
    down = [service for service in facts.services if not service.listening]
    if not facts.started:
        yield Finding(
            "not_running",
            "no service of this stack runs",
            _said(down) or f"nobody listens on {', '.join(one.address for one in down)}",
            "start it with `recstack up`; for a stack elsewhere, on other ports or in other "
            "folders, give its --host, --port-offset, --var",
        )
        return
    for service in down:
        yield Finding(
            "service_down",
            f"{service.name} does not run",
            _said([service]) or f"nobody listens on {service.address}",
            f"look into the log of {service.name}; `recstack up` starts it again by itself, and "
            "one that cannot start says why",
        )


def silent(facts: Facts) -> Iterator[Finding]:
    """Services that are there and do not say that they serve."""
    quiet = [
        service
        for service in facts.services
        if service.listening and not service.serving and not service.strangers
    ]
    if quiet:
        yield Finding(
            "service_silent",
            f"not serving, though somebody listens: {', '.join(one.name for one in quiet)}",
            "; ".join(f"{one.address}: {one.health}" for one in quiet),
            "a service that does not serve starts, ends, hangs, or is asked without the "
            "certificate that it wants (--tls): look into its log, and restart one that hangs",
        )


def releases(facts: Facts) -> Iterator[Finding]:
    """Services that answer from releases of their own: their lists are degraded."""
    have = {
        service.name: service.releases
        for service in facts.services
        if service.serving and service.releases
    }
    common = set.intersection(*(set(one) for one in have.values())) if have else set()
    if have and not common:
        loaded = ", ".join(f"{name} has {' and '.join(one)}" for name, one in have.items())
        yield Finding(
            "releases_differ",
            "services do not have the same release",
            loaded,
            "restart those with the old one, or set RECSTACK_<SERVICE>_RELEASE for all",
        )


def _said(services: list[Service]) -> str:
    """The last words of services that refused to start."""
    return "; ".join(f"{one.name} said: {one.said}" for one in services if one.said)
