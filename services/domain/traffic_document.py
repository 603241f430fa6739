"""The traffic policy as a JSON document: written by the rollout, read by every gateway."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from services.domain.traffic import (
    AT_ONCE,
    DEFAULT_SALT,
    LEASE_SECONDS,
    Layer,
    LayerArm,
    Parameter,
    Policy,
    PolicyError,
    Shadow,
)

POLICY_KEY = "traffic:policy"
LEASE_KEY = "traffic:lease"
"""Holds the version of the policy it is for, and expires; written by the rollout leader alone,
together with the policy when that changes, else all users would be on stable in between."""

MAX_BYTES = 64 * 1024
MAX_LAYERS = 16
MAX_ARMS = 16
MAX_LEASE_SECONDS = 3600.0
MAX_AT_ONCE = 64
RESERVED = "release"  # what the request log calls the arm of the rollout

_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def dump(policy: Policy) -> str:
    """The document of a policy; `parse` gives the policy back."""
    return json.dumps(asdict(policy), allow_nan=False)


def parse(document: bytes | str) -> Policy:
    """The policy in a document.

    Raises:
        PolicyError: it is too long, not JSON, contradicts itself, or a field is missing, unknown
            or wrong.
    """
    if len(document) > MAX_BYTES:
        raise PolicyError(f"the document has {len(document)} bytes, the limit is {MAX_BYTES}")
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"the document is not JSON: {error}") from None
    given = _object(raw, "policy", Policy)
    canary = given.get("canary", "")
    lease = given.get("lease_seconds", LEASE_SECONDS)
    policy = Policy(
        version=_version(given.get("version")),
        stable=_text(given.get("stable"), "stable", _RELEASE),
        canary="" if canary == "" else _text(canary, "canary", _RELEASE),
        weight=_number(given.get("weight", 0.0), "weight", 100.0),
        control=_number(given.get("control", 0.0), "control", 100.0),
        salt=_text(given.get("salt", DEFAULT_SALT), "salt", _NAME),
        layers=_layers(given.get("layers", [])),
        lease_seconds=_number(lease, "lease_seconds", MAX_LEASE_SECONDS),
        shadow=_shadow(given.get("shadow")),
    )
    _check(policy)
    return policy


def _version(raw: Any) -> int:
    if type(raw) is not int or not 0 <= raw < 2**63:
        raise PolicyError("version: a whole number from 0 expected")
    return raw


def _shadow(raw: Any) -> Shadow | None:
    if raw is None:
        return None
    given = _object(raw, "shadow", Shadow)
    at_once = given.get("at_once", AT_ONCE)
    if type(at_once) is not int or not 1 <= at_once <= MAX_AT_ONCE:
        raise PolicyError(f"shadow.at_once: a whole number from 1 to {MAX_AT_ONCE} expected")
    return Shadow(
        release=_text(given.get("release"), "shadow.release", _RELEASE),
        percent=_number(given.get("percent"), "shadow.percent", 100.0),
        at_once=at_once,
    )


def _layers(raw: Any) -> tuple[Layer, ...]:
    layers = _list(raw, "layers", MAX_LAYERS)
    return tuple(_layer(layer, f"layers[{place}]") for place, layer in enumerate(layers))


def _layer(raw: Any, at: str) -> Layer:
    given = _object(raw, at, Layer)
    arms = _list(given.get("arms"), f"{at}.arms", MAX_ARMS)
    layer = Layer(
        name=_text(given.get("name"), f"{at}.name", _NAME),
        salt=_text(given.get("salt"), f"{at}.salt", _NAME),
        arms=tuple(_arm(arm, f"{at}.arms[{place}]") for place, arm in enumerate(arms)),
    )
    if sum(arm.share for arm in layer.arms) > 100:
        raise PolicyError(f"{at}.arms: the shares are more than 100 percent together")
    _unlike(f"{at}.arms: name", (arm.name for arm in layer.arms))
    return layer


def _arm(raw: Any, at: str) -> LayerArm:
    given = _object(raw, at, LayerArm)
    parameters = given.get("parameters", {})
    if not isinstance(parameters, dict):
        raise PolicyError(f"{at}.parameters: an object expected")
    return LayerArm(
        name=_text(given.get("name"), f"{at}.name", _NAME),
        share=_number(given.get("share"), f"{at}.share", 100.0),
        parameters={
            _text(name, f"{at}.parameters", _NAME): _parameter(value, f"{at}.parameters.{name}")
            for name, value in parameters.items()
        },
    )


def _check(policy: Policy) -> None:
    """What no field shows alone."""
    if policy.leased and not policy.canary:
        raise PolicyError("canary: weight and control need one")
    if policy.weight + policy.control > 100:
        raise PolicyError("control: more than 100 percent together with weight")
    if policy.shadow is not None and policy.shadow.release == policy.stable:
        raise PolicyError("shadow.release: that is the stable release")
    if policy.lease_seconds <= 0:
        raise PolicyError("lease_seconds: more than 0 expected")
    layers = policy.layers
    _unlike("layers: name", [RESERVED, *(layer.name for layer in layers)])
    _unlike("layers: salt", [policy.salt, *(layer.salt for layer in layers)])
    # What two layers set would depend on their order.
    owned = [{name for arm in layer.arms for name in arm.parameters} for layer in layers]
    _unlike("layers: parameter", (name for names in owned for name in names))


def _object(raw: Any, at: str, kind: type[Policy | Layer | LayerArm | Shadow]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise PolicyError(f"{at}: an object expected")
    unknown = raw.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise PolicyError(f"{at}: unknown field {min(unknown)!r}")
    return raw


def _list(raw: Any, at: str, most: int) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > most:
        raise PolicyError(f"{at}: a list of at most {most} expected")
    return raw


def _text(raw: Any, at: str, form: re.Pattern[str]) -> str:
    if not isinstance(raw, str) or not form.fullmatch(raw):
        raise PolicyError(f"{at}: letters, digits and ._- expected, not {str(raw)[:80]!r}")
    return raw


def _number(raw: Any, at: str, most: float) -> float:
    if type(raw) not in (int, float) or not 0 <= raw <= most:  # no bool, no NaN
        raise PolicyError(f"{at}: a number from 0 to {most:g} expected")
    return float(raw)


def _parameter(raw: Any, at: str) -> Parameter:
    if isinstance(raw, str):
        return raw
    if type(raw) not in (int, float) or not -1e300 < raw < 1e300:
        raise PolicyError(f"{at}: a finite number or a text expected")
    return float(raw)


def _unlike(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PolicyError(f"{what} {name!r} is there twice")
        seen.add(name)
