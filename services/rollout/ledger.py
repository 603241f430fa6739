"""From what gateways report, counts since each began, to evidence: blocks of the time between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport
from services.rollout.evidence import (
    COUNTED,
    F64,
    LATENCIES,
    TIMES,
    WIDE,
    Evidence,
    EvidenceError,
)
from services.rollout.lane_counts import ITEMS, Counts, between, summed, unlike

COMPARED = ("compared", "overlap")
"""What is counted of the canary's lists in its shadow: beside stable's, of the same requests."""

NEIGHBOURS = 2
"""Buckets of latency that are kept as one, 9.6 % wide."""

MAX_BLOCKS = 1000
"""More are made coarser: a step that waits for days has a bounded size."""

MAX_GONE = 200
"""Gateways that report no more and are remembered, in case they are back."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The evidence of a step, and what the next block begins with.

    Attributes:
        until: end of the last block, or begin of the step, unix seconds.
        reports: of each gateway, the last one counted.
        control: evidence so far.
        canary: evidence so far, in the same blocks.
        left_out: what could not be counted in the last block, of both arms, for people.
    """

    until: float
    reports: Mapping[str, GatewayReport]
    control: Evidence
    canary: Evidence
    left_out: tuple[str, ...] = ()


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
    A report older than the last one of its gateway comes from one that was frozen: ignored.
    What cannot be counted is left out, of both arms, so that the rest can still be judged: a
    gateway that reports nonsense, and what gateways of two versions count in different buckets.

    Args:
        ledger: until the block before.
        now: unix seconds, after the ledger's.
        releases: what the control and the canary are served by.
        reports: the last of each gateway.

    Raises:
        EvidenceError: the block has no length, or other buckets than those before.
    """
    if now <= ledger.until:
        raise EvidenceError(f"a block that ends at {now} cannot follow one until {ledger.until}")
    current = [report for report in reports if not _late(report, ledger)]
    known = [
        (ledger.reports.get(report.gateway), report)
        for report in current
        if report.gateway in ledger.reports or report.seconds <= now - ledger.until
    ]
    counted, left_out = _counted(releases, known)
    different = unlike(counts for lanes in counted for counts in lanes)
    left_out += [f"{name}: gateways count in different buckets" for name in sorted(different)]
    usual, found, shadow = (
        summed((lanes[place] for lanes in counted), but=different) for place in range(3)
    )
    found |= {name: shadow[name] for name in COMPARED if name in shadow}
    control = _joined(ledger.control, _block(ledger.until, now, usual))
    canary = _joined(ledger.canary, _block(ledger.until, now, found))
    control, canary = _alike(control, canary), _alike(canary, control)
    if len(control.ends) > MAX_BLOCKS:
        control, canary = control.coarser(), canary.coarser()
    return Ledger(now, _remembered(ledger, current), control, canary, tuple(left_out))


def _counted(
    releases: Mapping[Arm, str], known: Iterable[tuple[GatewayReport | None, GatewayReport]]
) -> tuple[list[tuple[Counts, Counts, Counts]], list[str]]:
    """Of each gateway the counts of the control, of the canary and of its shadow; who has none."""
    stable, canary = releases[Arm.CONTROL], releases[Arm.CANARY]
    found, left_out = [], []
    for before, report in known:
        try:
            control = between(before, report, Arm.CONTROL, stable)
            own = between(before, report, Arm.CANARY, canary)
            shadow = between(before, report, Arm.SHADOW, canary)
            found.append((control, own, shadow))
        except EvidenceError as error:
            left_out.append(f"gateway {report.gateway}: {error}")
    return found, left_out


def _late(report: GatewayReport, ledger: Ledger) -> bool:
    before = ledger.reports.get(report.gateway)
    return before is not None and report.seconds < before.seconds


def _remembered(ledger: Ledger, current: Iterable[GatewayReport]) -> Mapping[str, GatewayReport]:
    """The last report of each gateway; of those that are gone only some, the last to go."""
    here = {report.gateway: report for report in current}
    gone = [report for report in ledger.reports.values() if report.gateway not in here]
    return {report.gateway: report for report in (*gone[-MAX_GONE:], *here.values())}


def _block(start: float, end: float, counts: Mapping[str, F64]) -> Evidence:
    arrays = {name: array[None] for name, array in counts.items() if name in COUNTED}
    arrays |= {name: _wider(arrays[name]) for name in LATENCIES if name in arrays}
    if ITEMS in counts:
        items = counts[ITEMS]
        arrays["same"] = np.array([(items * (items - 1)).sum()])
        arrays["pairs"] = np.array([items.sum() * (items.sum() - 1)])
    return Evidence.of([start], [end], **{"requests": np.zeros(1), **arrays})


def _wider(histogram: F64) -> F64:
    """Neighbouring buckets as one."""
    firsts = np.arange(0, histogram.shape[-1], NEIGHBOURS)
    return np.add.reduceat(histogram, firsts, axis=-1)


def _joined(before: Evidence, block: Evidence) -> Evidence:
    """Blocks and the next; buckets that were not counted before are zeros in them."""
    arrays = {}
    for name in (*TIMES, *COUNTED):
        pair = [getattr(before, name), getattr(block, name)]
        if name in WIDE:
            width = max(array.shape[-1] for array in pair)
            pair = [_widened(name, array, width) for array in pair]
        arrays[name] = np.concatenate(pair)
    return Evidence(**arrays, coarsened=before.coarsened)


def _alike(arm: Evidence, other: Evidence) -> Evidence:
    """With as many buckets as the other arm; one that had no request yet has zeros in them."""
    widths = {name: max(getattr(e, name).shape[-1] for e in (arm, other)) for name in WIDE}
    wide: dict[str, Any] = {
        name: _widened(name, getattr(arm, name), width) for name, width in widths.items()
    }
    return replace(arm, **wide)


def _widened(name: str, array: F64, width: int) -> F64:
    if array.shape[-1] == width:
        return array
    if array.any():
        raise EvidenceError(f"{name}: {array.shape[-1]} buckets beside {width} at other times")
    return np.zeros((len(array), width))
