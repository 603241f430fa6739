"""What a drive found, for people and for programs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadtest.simulation.judge import SUBJECTS, Judged, ratio
from loadtest.simulation.records import Records
from services.domain.arrays import Bools

LABEL = "SIMULATED people; true values are those of the simulated world"
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Report:
    """Of one drive.

    Attributes:
        label: says that all of it is simulated.
        release: that answered most.
        lists: answers.
        users: different people, anonymous visitors included.
        rate: lists a second.
        values: expected clicks a list, by subject.
        ratios: value of the stack by that of another subject: estimate, low, high (95 %).
        anonymous: as `values`, of visitors without an id.
        clicks, purchases, dismissals: a list, as drawn.
        newborn: share of shown items that are newer than the log.
        born, died: items put and deleted on the way.
        gone: shown items whose deletion had been acknowledged before.
        unknown: shown items that the world does not have.
        short: lists that are shorter than asked for.
        failed: calls for lists without an answer, by error.
        events_failed, catalog_failed: events and items that the stack did not take.
        degraded: share of answers that skipped something; `skipped` by what.
        latency: milliseconds by percentile, from the planned time, failed calls included.
    """

    label: str
    release: str
    lists: int
    users: int
    rate: float
    values: Mapping[str, float]
    ratios: Mapping[str, tuple[float, float, float]]
    anonymous: Mapping[str, float]
    clicks: float
    purchases: float
    dismissals: float
    newborn: float
    born: int
    died: int
    gone: int
    unknown: int
    short: int
    failed: Mapping[str, int]
    events_failed: int
    catalog_failed: int
    degraded: float
    skipped: Mapping[str, int]
    latency: Mapping[str, float]


def report(records: Records, judged: Judged, seconds: float, k: int) -> Report:
    """Puts it together; there is at least one answer."""
    answered = records.answered
    shown = sum(len(one.rows) for one in answered)
    latencies = [one.latency for one in answered] + [late for _, late in records.failed]
    releases = Counter(one.release for one in answered)
    return Report(
        label=LABEL,
        release=releases.most_common(1)[0][0],
        lists=len(answered),
        users=len(np.unique(judged.people)),
        rate=len(answered) / seconds,
        values=_means(judged, judged.known | ~judged.known),
        ratios={name: _ratio(judged, name) for name in SUBJECTS[1:]},
        anonymous=_means(judged, ~judged.known),
        clicks=float(judged.clicks.mean()),
        purchases=float(judged.purchases.mean()),
        dismissals=float(judged.dismissals.mean()),
        newborn=float(judged.newborn.sum()) / max(shown, 1),
        born=records.born,
        died=records.died,
        gone=sum(one.gone for one in answered),
        unknown=sum(int((one.rows < 0).sum()) for one in answered),
        short=sum(len(one.rows) < k for one in answered),
        failed=Counter(name for name, _ in records.failed),
        events_failed=records.events_failed,
        catalog_failed=records.catalog_failed,
        degraded=sum(bool(one.skipped) for one in answered) / len(answered),
        skipped=Counter(name for one in answered for name in one.skipped),
        latency={
            f"p{percentile:g}": float(np.percentile(latencies, percentile)) * 1000
            for percentile in PERCENTILES
        },
    )


def lines(found: Report) -> list[str]:
    """The report for people."""
    values = "  ".join(f"{name} {value:.3f}" for name, value in found.values.items())
    strangers = "  ".join(f"{name} {value:.3f}" for name, value in found.anonymous.items())
    latency = "  ".join(f"{name} {value:.1f}" for name, value in found.latency.items())
    return [
        found.label,
        f"release                    {found.release}",
        f"lists                      {found.lists} for {found.users} people, {found.rate:.1f}/s",
        f"expected clicks a list     {values}",
        f"  without an id            {strangers}",
        *(
            f"stack / {name:<18} {value:.3f} ({low:.3f} to {high:.3f})"
            for name, (value, low, high) in found.ratios.items()
        ),
        f"drawn a list               clicks {found.clicks:.3f}  purchases {found.purchases:.3f}  "
        f"dismissals {found.dismissals:.3f}",
        f"items                      {found.born} born, {found.died} died, newborn "
        f"{found.newborn:.1%} of what was shown, shown after deletion {found.gone}, "
        f"unknown {found.unknown}",
        f"latency, ms from plan      {latency}",
        f"degraded                   {found.degraded:.2%} {_counts(found.skipped)}",
        f"short {found.short}  failed {_counts(found.failed) or 0}  events not taken "
        f"{found.events_failed}  items not taken {found.catalog_failed}",
    ]


def _means(judged: Judged, which: Bools) -> dict[str, float]:
    if not which.any():
        return {}
    means = judged.values[:, which].mean(axis=1)
    return dict(zip(SUBJECTS, means.tolist(), strict=True))


def _ratio(judged: Judged, name: str) -> tuple[float, float, float]:
    value, low, high = ratio(judged, "stack", name).tolist()
    return value, low, high


def _counts(some: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in some.items())
