"""Whether gateways can take part in a rollout: pure, from what they report."""

from collections.abc import Iterable

from services.domain.traffic import Policy
from services.domain.traffic_report import GatewayReport

LOADED, REFUSED = "loaded", "refused"


def lacks(report: GatewayReport, policy: Policy) -> tuple[str, ...]:
    """What a gateway lacks to serve all that the policy names, for people; empty: nothing."""
    if report.version != policy.version:
        return (f"it applies policy {report.version}, not {policy.version} yet",)
    if not report.stages:
        return ("it does not say what its stages have",)
    return tuple(
        f"{stage}: {release} is {states.get(release) or 'not there'}"
        for release in policy.releases
        for stage, states in sorted(report.stages.items())
        if states.get(release) != LOADED
    )


def all_lack(reports: Iterable[GatewayReport], policy: Policy) -> tuple[str, ...]:
    """What gateways lack, each thing with the gateway; nobody that lives lacks most of all."""
    reports = tuple(reports)
    if not reports:
        return ("no gateway reports",)
    return tuple(f"gateway {one.gateway}: {what}" for one in reports for what in lacks(one, policy))


def refusals(reports: Iterable[GatewayReport], policy: Policy) -> tuple[str, ...]:
    """Why releases that the policy names will never be loaded, by gateways that know the policy."""
    where: dict[str, dict[str, set[str]]] = {}
    for report in reports:
        for stage, states in report.stages.items() if report.version == policy.version else ():
            for release in policy.releases:
                if (state := states.get(release, "")).startswith(REFUSED):
                    gateways = where.setdefault(f"{release} is {state}", {})
                    gateways.setdefault(report.gateway, set()).add(stage.partition(" ")[0])
    return tuple(
        f"{what} ({', '.join(sorted(set().union(*stages.values())))} of {', '.join(stages)})"
        for what, stages in where.items()
    )


def agreed_stable(reports: Iterable[GatewayReport]) -> tuple[str, ...]:
    """The releases that gateways answer from where no policy says so: one, if they agree."""
    return tuple(sorted({report.stable for report in reports if report.stable}))
