"""What a gateway reports of itself each second, as a JSON document: read by the rollout."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, TypeVar

import numpy as np

from services.domain.arrays import I64
from services.domain.traffic import Arm

Number = TypeVar("Number", int, float)

GATEWAYS_KEY = "traffic:gateways"
"""Ids of the gateways that live, by the time of their last report, unix milliseconds."""


def report_key(gateway: str) -> str:
    """The key of a gateway's report."""
    return f"traffic:gateway:{gateway}"


class ReportError(ValueError):
    """A report that cannot be read; the message names the field and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request that a shadow was asked, too; whose it was is not told.

    Attributes:
        request_id: as the request log has it.
        stable, shadow: ids of the items that each would show, best first.
        overlap: share of the longer list that both have, 0 to 1.
        latency_ratio: time of the shadow's stages over that of stable's.
    """

    request_id: str
    stable: tuple[str, ...]
    shadow: tuple[str, ...]
    overlap: float
    latency_ratio: float


@dataclass(frozen=True, slots=True)
class LaneReport:
    """What one arm of one release did in a gateway since that began; reports of gateways add up.

    Attributes:
        release: its id.
        arm: whose requests they were.
        sums: by name, such as requests and errors.
        histograms: counts by bucket, int64, by name, such as latency.
        examples: of a shadow, some of the last requests.
    """

    release: str
    arm: Arm
    sums: Mapping[str, float]
    histograms: Mapping[str, I64]
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """A gateway at one moment.

    Attributes:
        gateway: its id, a new one at each start: what it counts begins at 0 with it.
        seconds: since it began.
        version: of the policy that it applies; 0: of none that it was told. Of the newest that it
            was told, when it applies an older one: the next must be above that.
        leased: whether its canary and its control group have users now.
        stages: gateway or stage → release → "loaded", "loading" or "refused: …".
        lanes: one for each release and arm that had requests.
        stable: the release that answers everybody else now.
    """

    gateway: str
    seconds: float
    version: int
    leased: bool
    stages: Mapping[str, Mapping[str, str]]
    lanes: tuple[LaneReport, ...] = ()
    stable: str = ""


def dump(report: GatewayReport) -> str:
    """The document of a report; `parse` gives the report back."""
    return json.dumps(
        {
            "gateway": report.gateway,
            "seconds": report.seconds,
            "version": report.version,
            "leased": report.leased,
            "stable": report.stable,
            "stages": {stage: dict(states) for stage, states in report.stages.items()},
            "lanes": [
                {
                    "release": lane.release,
                    "arm": lane.arm.value,
                    "sums": dict(lane.sums),
                    "histograms": {name: row.tolist() for name, row in lane.histograms.items()},
                    "examples": [asdict(example) for example in lane.examples],
                }
                for lane in report.lanes
            ],
        },
        allow_nan=False,
        separators=(",", ":"),
    )


def parse(document: bytes | str) -> GatewayReport:
    """The report in a document.

    Raises:
        ReportError: it is not JSON, or not a report.
    """
    try:
        raw = json.loads(document)
        return GatewayReport(
            gateway=str(raw["gateway"]),
            seconds=_from_zero(float(raw["seconds"])),
            version=_from_zero(int(raw["version"])),
            leased=bool(raw["leased"]),
            stages={
                str(stage): {str(release): str(state) for release, state in states.items()}
                for stage, states in raw["stages"].items()
            },
            lanes=tuple(_lane(lane) for lane in raw["lanes"]),
            stable=str(raw["stable"]),
        )
    except KeyError as error:
        raise ReportError(f"the report has no field {error}") from None
    except (AttributeError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ReportError(f"the report cannot be read: {error}") from None


def _from_zero(value: Number) -> Number:
    if not 0 <= value < 2**63:
        raise ValueError("seconds, version: numbers from 0 expected")
    return value


def _lane(raw: Any) -> LaneReport:
    sums = {str(name): float(value) for name, value in raw["sums"].items()}
    if not np.isfinite(list(sums.values())).all():
        raise ValueError("sums: finite numbers expected")
    histograms = {str(name): np.array(row, np.int64) for name, row in raw["histograms"].items()}
    if any(row.ndim != 1 or (row < 0).any() for row in histograms.values()):
        raise ValueError("histograms: lists of counts expected")
    examples = tuple(_example(example) for example in raw.get("examples", ()))
    return LaneReport(str(raw["release"]), Arm(raw["arm"]), sums, histograms, examples)


def _example(raw: Any) -> Example:
    overlap, ratio = float(raw["overlap"]), float(raw["latency_ratio"])
    if not (isfinite(overlap) and isfinite(ratio)):
        raise ValueError("examples: finite numbers expected")
    return Example(
        str(raw["request_id"]),
        tuple(str(item) for item in raw["stable"]),
        tuple(str(item) for item in raw["shadow"]),
        overlap,
        ratio,
    )
