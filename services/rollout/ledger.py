"""From what gateways report, counts since each began, to evidence: blocks of the time between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport, LaneReport
from services.rollout.evidence import F64, WIDE, Evidence, EvidenceError

ITEMS = "items"
"""Histogram of items shown, by group of equal hash: pairs and same are counted from it."""

MAX_BLOCKS = 2000
"""More are made coarser: a step that waits for days has a bounded size."""

JUDGED = (Arm.CONTROL, Arm.CANARY)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The evidence of a step, and what the next block begins with.

    Attributes:
        until: end of the last block, or begin of the step, unix seconds.
        reports: of each gateway, the last one counted.
        control: evidence so far.
        canary: evidence so far, in the same blocks.
    """

    until: float
    reports: Mapping[str, GatewayReport]
    control: Evidence
    canary: Evidence


def opened(now: float, reports: Iterable[GatewayReport]) -> Ledger:
    """An empty ledger: what was counted until now is not of this step."""
    empty = Evidence.of([], [], [])
    return Ledger(now, {report.gateway: report for report in reports}, empty, empty)


def entered(
    ledger: Ledger, now: float, releases: Mapping[Arm, str], reports: Iterable[GatewayReport]
) -> Ledger:
    """A ledger with one block more, from the end of the last to now.

    A gateway that began since then counts from zero; of one that was there before and is new to
    the ledger only what comes later counts. One that is gone takes with it what it did not report.

    Args:
        ledger: until the block before.
        now: unix seconds, after the ledger's.
        releases: what the control and the canary are served by.
        reports: the last of each gateway.

    Raises:
        EvidenceError: the block has no length, or gateways count in different buckets.
    """
    if now <= ledger.until:
        raise EvidenceError(f"a block that ends at {now} cannot follow one until {ledger.until}")
    current = {report.gateway: report for report in reports}
    blocks = []
    for arm in JUDGED:
        counts: dict[str, F64] = {}
        for report in current.values():
            before, lane = ledger.reports.get(report.gateway), _lane(report, arm, releases)
            if lane and (before or report.seconds <= now - ledger.until):
                _add(counts, lane, 1.0)
                _add(counts, _lane(before, arm, releases), -1.0)
        blocks.append(_block(ledger.until, now, counts))
    control, canary = _joined(ledger.control, blocks[0]), _joined(ledger.canary, blocks[1])
    if len(control.ends) > MAX_BLOCKS:
        control, canary = control.coarser(), canary.coarser()
    return replace(
        ledger,
        until=now,
        reports={**ledger.reports, **current},
        control=control,
        canary=canary,
    )


def _lane(report: GatewayReport | None, arm: Arm, releases: Mapping[Arm, str]) -> LaneReport | None:
    lanes = report.lanes if report is not None else ()
    found = (lane for lane in lanes if (lane.arm, lane.release) == (arm, releases[arm]))
    return next(found, None)


def _add(counts: dict[str, F64], lane: LaneReport | None, sign: float) -> None:
    if lane is None:
        return
    for name, value in (*lane.sums.items(), *lane.histograms.items()):
        array = sign * np.asarray(value, np.float64)
        if name in counts and counts[name].shape != array.shape:
            raise EvidenceError(f"{name}: gateways count in different buckets")
        counts[name] = counts.get(name, np.zeros_like(array)) + array


def _block(start: float, end: float, counts: dict[str, F64]) -> Evidence:
    known = {f.name for f in fields(Evidence)}
    arrays = {name: array[None] for name, array in counts.items() if name in known}
    if ITEMS in counts:
        items = counts[ITEMS]
        arrays["same"] = np.array([(items * (items - 1)).sum()])
        arrays["pairs"] = np.array([items.sum() * (items.sum() - 1)])
    return Evidence.of([start], [end], **{"requests": np.zeros(1), **arrays})


def _joined(before: Evidence, block: Evidence) -> Evidence:
    """Blocks and the next; buckets that were not counted before are zeros in them."""
    arrays = {}
    for f in fields(Evidence):
        pair = [getattr(before, f.name), getattr(block, f.name)]
        if f.name in WIDE:
            width = max(array.shape[-1] for array in pair)
            pair = [_widened(f.name, array, width) for array in pair]
        arrays[f.name] = np.concatenate(pair)
    return Evidence(**arrays)


def _widened(name: str, array: F64, width: int) -> F64:
    if array.shape[-1] == width:
        return array
    if array.any():
        raise EvidenceError(f"{name}: {array.shape[-1]} buckets beside {width} at other times")
    return np.zeros((len(array), width))
