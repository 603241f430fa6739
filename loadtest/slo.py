"""Whether a load's numbers are good enough; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.options import Options
from loadtest.profiles import PEAK
from loadtest.result import Result


@dataclass(frozen=True, slots=True)
class Check:
    """One number against its limit, as text for people.

    Attributes:
        holds: whether it is within the limit.
    """

    name: str
    measured: str
    limit: str
    holds: bool


def checks(result: Result, options: Options) -> list[Check]:
    """Those that the profile has."""
    return [*_of_every_load(result, options), *_of_a_spike(result, options)]


def _of_every_load(result: Result, options: Options) -> Iterator[Check]:
    every, lists = result.every, result.lists
    yield Check(
        "lists answered",
        str(lists.answered),
        "at least 1",
        lists.answered > 0,
    )
    yield Check(
        "P99 of lists", f"{lists.p99_ms:.1f} ms", f"{options.p99:g} ms", lists.p99_ms <= options.p99
    )
    yield _share("failed calls", every.failed, every.calls, options.failures)
    yield _share("refused calls", every.refused, every.calls, options.refused)
    yield _share("refusals without a delay", every.undelayed, every.refused, 0.0)
    yield _share("degraded lists", lists.degraded, lists.answered, options.degraded)
    yield _share("short lists", lists.short, lists.answered, options.short)
    yield Check("empty lists", str(lists.empty), "0", not lists.empty)
    lost = result.sender.unfinished
    yield Check("lists without an end", str(lost), "0", not lost)
    yield _share("calls sent late", every.late, every.calls, options.late)


def _of_a_spike(result: Result, options: Options) -> Iterator[Check]:
    peak = result.phases.get(PEAK)
    if peak is None:
        return
    least = options.goodput * options.rate
    yield Check(
        "good lists in the peak",
        f"{peak.good_rate:.1f}/s",
        f"at least {least:.1f}/s",
        peak.good_rate >= least,
    )
    after = result.recovery
    yield Check(
        "normal again after the peak",
        "not within the load" if after is None else f"{after:.1f} s",
        f"{options.recovery:g} s",
        after is not None and after <= options.recovery,
    )


def _share(name: str, count: int, of: int, limit: float) -> Check:
    share = count / of if of else 0.0
    return Check(name, f"{count} of {of} ({share:.2%})", f"{limit:.2%}", share <= limit)
