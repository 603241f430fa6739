"""Whether gateways can take part in a rollout: pure, from what they report."""

from collections.abc import Iterable

from services.domain.traffic import Policy
from services.domain.traffic_report import GatewayReport
from services.rollout.store import Reports

LOADED, REFUSED = "loaded", "refused"


def lacks(report: GatewayReport, policy: Policy) -> tuple[str, ...]:
    """What a gateway lacks to serve all that the policy names, for people; empty: nothing."""
    if report.version != policy.version:
        return (f"it applies policy {report.version}, not {policy.version} yet",)
    if not report.stages:
        return ("it does not say what its stages have",)
    where: dict[str, list[str]] = {}
    for release in policy.releases:
        for stage, states in sorted(report.stages.items()):
            if (state := states.get(release) or "not there") != LOADED:
                where.setdefault(f"{release} is {state}", []).append(_name(stage))
    return tuple(f"{', '.join(stages)}: {what}" for what, stages in where.items())


def all_lack(heard: Reports, policy: Policy) -> tuple[str, ...]:
    """What gateways lack, each thing with the gateways; nobody that lives lacks most of all.

    A report that cannot be read is of a gateway that lives, too.
    """
    if not heard.anybody:
        return ("no gateway reports",)
    where: dict[str, list[str]] = {}
    for one in heard.reports:
        for what in lacks(one, policy):
            where.setdefault(what, []).append(one.gateway)
    found = (f"gateway {', '.join(gateways)}: {what}" for what, gateways in where.items())
    return (*found, *heard.problems)


def refusals(reports: Iterable[GatewayReport], policy: Policy) -> tuple[str, ...]:
    """Why releases that the policy names will never be loaded, by gateways that know the policy."""
    where: dict[str, dict[str, set[str]]] = {}
    for report in reports:
        for stage, states in report.stages.items() if report.version == policy.version else ():
            for release in policy.releases:
                if (state := states.get(release, "")).startswith(REFUSED):
                    gateways = where.setdefault(f"{release} is {state}", {})
                    gateways.setdefault(report.gateway, set()).add(_name(stage))
    return tuple(
        f"{what} ({', '.join(sorted(set().union(*stages.values())))} of {', '.join(stages)})"
        for what, stages in where.items()
    )


def agreed_stable(reports: Iterable[GatewayReport]) -> tuple[str, ...]:
    """The releases that gateways answer from where no policy says so: one, if they agree."""
    return tuple(sorted({report.stable for report in reports if report.stable}))


def _name(stage: str) -> str:
    """Without its address."""
    return stage.partition(" ")[0]
