"""Who is served by what: the traffic policy, and the pure function from a user to release and arms.

A user has a place on a circle of 100 percent, a salted 64-bit hash of the id. The canary takes
[0, weight), the control group [100 - control, 100): raising the weight takes nobody off the canary.
Layers (experiments) have salts of their own, so their arms are independent of the release and of
each other (Tang et al., "Overlapping Experiment Infrastructure", KDD 2010).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

Parameter = float | str

DEFAULT_SALT = "rollout"
LEASE_SECONDS = 10.0
AT_ONCE = 4

_UNIT = 2.0**-53  # of a place on the circle: what a float between 0 and 1 can tell apart


class PolicyError(ValueError):
    """A policy that must not be applied; the message names the field and what is wrong with it."""


class Arm(StrEnum):
    """What part a user has in a rollout."""

    STABLE = "stable"
    CONTROL = "control"  # the stable release, beside the canary and as many users
    CANARY = "canary"
    SHADOW = "shadow"  # nobody's: copies of requests that others were answered


@dataclass(frozen=True, slots=True)
class LayerArm:
    """One treatment of an experiment.

    Attributes:
        name: of the arm, as the request log has it.
        share: of the users, percent.
        parameters: what it overrides, by name; empty: nothing, the control of the experiment.
    """

    name: str
    share: float
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Layer:
    """One experiment; users beyond the sum of the shares are in none of its arms.

    Attributes:
        name: of the layer, as the request log has it.
        salt: of the hash; no other layer has it, nor the policy.
        arms: in the order they take the circle from 0.
    """

    name: str
    salt: str
    arms: tuple[LayerArm, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A release that is asked what others were answered; no user sees what it says.

    Attributes:
        release: its id; not the stable one.
        percent: of the lists of stable's users, by the hash of their request ids.
        at_once: most that one gateway asks it at a time, 1 to 64; others are dropped.
    """

    release: str
    percent: float
    at_once: int = AT_ONCE


@dataclass(frozen=True, slots=True)
class Policy:
    """What releases serve which users.

    Attributes:
        version: grows with every change.
        stable: id of the release that serves everybody else.
        canary: id of the release on trial; empty: there is none, and weight and control are 0.
        weight: of the users on the canary, percent.
        control: of the users in the control group, percent; at most 100 - weight.
        salt: of the hash; one for each rollout, so that not the same users try every canary.
        layers: experiments.
        lease_seconds: the canary's weight and the control group are void when the rollout leader
            has not renewed its lease for so long.
        shadow: who is asked beside stable, if anybody. It holds without a lease: it serves nobody.
    """

    version: int
    stable: str
    canary: str = ""
    weight: float = 0.0
    control: float = 0.0
    salt: str = DEFAULT_SALT
    layers: tuple[Layer, ...] = ()
    lease_seconds: float = LEASE_SECONDS
    shadow: Shadow | None = None

    @property
    def releases(self) -> tuple[str, ...]:
        """The releases it names, each once, stable first."""
        shadow = self.shadow.release if self.shadow is not None else ""
        return tuple(dict.fromkeys(name for name in (self.stable, self.canary, shadow) if name))

    @property
    def leased(self) -> bool:
        """Whether something in it holds only under a lease."""
        return self.weight > 0 or self.control > 0

    def without_canary(self) -> "Policy":
        """The same with all users on stable; the canary stays named, so it stays loaded."""
        return replace(self, weight=0.0, control=0.0) if self.leased else self


class Assignment(NamedTuple):
    """What serves a user.

    Attributes:
        release: its id.
        arm: the user's part in the rollout.
        arms: layer → arm, of the layers that have the user in one.
        parameters: what these arms override.
    """

    release: str
    arm: Arm
    arms: Mapping[str, str] = {}
    parameters: Mapping[str, Parameter] = {}


def place(user_id: str, salt: str) -> float:
    """Where a user is on the circle of a salt, in [0, 1): 53 bits of BLAKE2b-64."""
    digest = blake2b(f"{salt}:{user_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * _UNIT


def assign(user_id: str, policy: Policy) -> Assignment:
    """What serves a user or a session; the same user and policy, the same answer."""
    at = place(user_id, policy.salt) if policy.leased else 1.0
    if at < policy.weight / 100:
        release, arm = policy.canary, Arm.CANARY
    elif policy.control and at >= 1.0 - policy.control / 100:
        release, arm = policy.stable, Arm.CONTROL
    else:
        release, arm = policy.stable, Arm.STABLE
    if not policy.layers:
        return Assignment(release, arm)
    arms: dict[str, str] = {}
    parameters: dict[str, Parameter] = {}
    for layer in policy.layers:
        treatment = _treatment(user_id, layer)
        if treatment is not None:
            arms[layer.name] = treatment.name
            parameters.update(treatment.parameters)
    return Assignment(release, arm, arms, parameters)


def _treatment(user_id: str, layer: Layer) -> LayerArm | None:
    at = place(user_id, layer.salt)
    taken = 0.0
    for arm in layer.arms:
        taken += arm.share
        if at < taken / 100:
            return arm
    return None
