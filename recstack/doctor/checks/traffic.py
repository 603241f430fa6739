"""Rollouts, and whether gateways do what they say."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding
from recstack.doctor.traffic import Follower
from recstack.processes import ROLLOUT


def malformed(facts: Facts) -> Iterator[Finding]:
    """A policy that no gateway can read: they keep the one before."""
    if facts.traffic is not None and facts.traffic.malformed:
        yield Finding(
            "policy_malformed",
            "the traffic policy cannot be read: no change of it reaches the gateways",
            facts.traffic.malformed,
            "the leader of a rollout that runs writes it again; else `recstack rollout start ID "
            "--stable STABLE`, then `abort`; another version, or a person, wrote traffic:policy",
        )


def leaderless(facts: Facts) -> Iterator[Finding]:
    """Rollout services, and none of them leads: a rollout stands still, its canary ends."""
    serving = [one.name for one in facts.services if one.name == ROLLOUT and one.serving]
    if facts.traffic is not None and serving and not facts.traffic.leader:
        yield Finding(
            "no_rollout_leader",
            "no rollout service leads: no rollout goes on, and a canary loses its users",
            "it serves, and nobody holds rollout:leader",
            "see in its log whether it reaches Redis, and may write rollout:* there",
        )


def behind(facts: Facts) -> Iterator[Finding]:
    """Gateways that apply another policy than the one in Redis."""
    if facts.traffic is None or facts.traffic.version is None:
        return
    wanted = facts.traffic.version
    if late := [one for one in facts.traffic.followers if one.version != wanted]:
        yield Finding(
            "policy_behind",
            f"{_gateways(late)} not apply the traffic policy",
            f"it has version {wanted}; " + _said(late),
            "see in the log of the gateway why it cannot read traffic:policy: Redis is away from "
            "it, refuses it, or what it read is malformed",
        )


def stable_missing(facts: Facts) -> Iterator[Finding]:
    """Gateways, or their stages, that cannot answer from the stable release."""
    traffic = facts.traffic
    for one in traffic.followers if traffic is not None else ():
        if one.lacking and traffic is not None:
            yield Finding(
                "stable_missing",
                f"the gateway {one.gateway} is without the stable release {traffic.stable}",
                "; ".join(f"{stage}: {said}" for stage, said in one.lacking.items()),
                "it is loaded by itself where it can be: see that the release is in the folder of "
                "that service and whole (`recstack release verify`)",
            )


def unleased(facts: Facts) -> Iterator[Finding]:
    """A canary without a lease: it has no users, though its policy says so."""
    traffic = facts.traffic
    if traffic is not None and traffic.weight > 0 and not traffic.leased:
        yield Finding(
            "lease_expired",
            f"the canary {traffic.canary} has lost its users: all are on {traffic.stable}",
            f"the policy gives it {traffic.weight:g} percent, its lease has expired",
            "the rollout service renews it: see whether it runs, leads, and reaches Redis",
        )


def _gateways(late: list[Follower]) -> str:
    return "a gateway does" if len(late) == 1 else f"{len(late)} gateways do"


def _said(late: list[Follower]) -> str:
    return ", ".join(f"{one.gateway} applies {one.version}" for one in late)
