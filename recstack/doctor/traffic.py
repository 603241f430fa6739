"""What is known of rollouts: facts of the traffic policy and of the gateways that apply it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Follower:
    """A gateway, as it reports itself.

    Attributes:
        gateway: its id: host, process, and a part by chance.
        version: of the policy that it applies.
        lacking: the gateway or its stages that have not loaded the stable release, and what they
            say of it.
    """

    gateway: str
    version: int
    lacking: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rollouts and their effect, as Redis has them.

    Attributes:
        leader: whether a process of the rollout service leads.
        malformed: what is wrong with the traffic policy; empty: nothing, or there is none.
        version: of the policy; None: there is none that can be read.
        stable, canary: releases that it names.
        weight: of the canary, percent of the users.
        leased: whether its lease holds: the canary has users only then.
        followers: the gateways that live.
    """

    leader: bool = False
    malformed: str = ""
    version: int | None = None
    stable: str = ""
    canary: str = ""
    weight: float = 0.0
    leased: bool = False
    followers: tuple[Follower, ...] = ()
