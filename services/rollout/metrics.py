"""Metrics of the rollout service: where the rollout is as the leader knows it, and how it looks."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.rollout.phase import Phase
from services.rollout.record import Entry, Record
from services.telemetry.families import gauge_family
from services.telemetry.instruments import counter, gauge

DECISIONS = counter("recstack_rollout_decisions_total")
REDIS_ERRORS = counter("recstack_rollout_redis_errors_total")
ERRORS = counter("recstack_rollout_errors_total")
EVIDENCE = gauge("recstack_rollout_evidence")
TICK = gauge("recstack_rollout_tick_timestamp_seconds")
PROBLEMS = gauge("recstack_rollout_problems")


class Led(Protocol):
    """What is told of the rollouts."""

    @property
    def leads(self) -> bool: ...

    @property
    def record(self) -> Record | None: ...

    @property
    def step_due(self) -> float: ...


class RolloutCollector(Collector):
    """The rollout as this process knows it; of one that does not lead, nothing."""

    def __init__(self, led: Led) -> None:
        self._led = led

    def collect(self) -> Iterator[Metric]:
        """Who leads, phase, the canary's share, when the step is due and when it ended."""
        leads = self._led.leads
        record = self._led.record if leads else None
        for name, value in (
            ("recstack_rollout_leader", leads),
            ("recstack_rollout_canary_ratio", record.policy.weight / 100 if record else 0),
            ("recstack_rollout_step_due_timestamp_seconds", self._led.step_due if leads else 0),
            ("recstack_rollout_ended_timestamp_seconds", record.ended_at if record else 0),
        ):
            family = gauge_family(name)
            family.add_metric([], float(value))
            yield family
        phases = gauge_family("recstack_rollout_phase")
        for phase in Phase:
            phases.add_metric([phase.value], float(record is not None and record.phase is phase))
        yield phases


def count(entry: Entry) -> None:
    """One that was written."""
    DECISIONS.labels(entry.kind.value).inc()
    if not entry.verdicts:  # another step, or none
        EVIDENCE.clear()
    for verdict in entry.verdicts:
        if "evidence" in verdict.numbers:
            EVIDENCE.labels(verdict.guard).set(verdict.numbers["evidence"])
