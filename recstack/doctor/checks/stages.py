"""What the gateway's stages do for a list."""

from collections.abc import Iterator
from statistics import median

from recstack.doctor.facts import Facts, Stage
from recstack.doctor.finding import Finding

LATE = ("TIMEOUT", "EXPIRED")


def unanswered(facts: Facts) -> Iterator[Finding]:
    """The gateway serves, and gives no list."""
    if facts.asked.error:
        yield Finding(
            "no_answers",
            "the gateway gives no lists",
            facts.asked.error,
            "look into its log; if it refuses for overload, take load away or add a gateway",
        )


def slow(facts: Facts) -> Iterator[Finding]:
    """A stage that takes too long, or is given up for it."""
    for stage in facts.asked.stages:
        middle = median(stage.seconds) if stage.seconds else 0.0
        late = sum(reason in LATE for reason in stage.failures)
        before = stage.late_before if "BREAKER_OPEN" in stage.failures else 0
        if late or before or middle > facts.limits.stage_seconds:
            seen = [f"median {middle * 1000:.0f} ms, at most {_ms(facts)} are well"]
            seen += [f"{late} of {facts.asked.answers} were given up as too late"] if late else []
            seen += [f"{before} were too late before its breaker opened"] if before else []
            yield Finding(
                "slow_stage",
                f"the stage {stage.name} is slow",
                "; ".join(seen),
                f"see whether {stage.name} hangs, lacks CPU or waits for Redis; if its calls carry "
                "many queries it is the bottleneck: give it a core or a replica",
            )


def failing(facts: Facts) -> Iterator[Finding]:
    """A stage that gives nothing for another reason, or that is not asked any more."""
    for stage in facts.asked.stages:
        if reasons := _reasons(stage):
            yield Finding(
                "stage_failing",
                f"lists are made without {stage.name}",
                f"{len(stage.failures)} of {facts.asked.answers}: {', '.join(reasons)}",
                "UNAVAILABLE: its process or the network; RELEASE_NOT_LOADED: it has another "
                "release; INTERNAL: a fault, see its log; BREAKER_OPEN: it failed for a while, and "
                "is asked again each second",
            )
    for service in facts.services:
        for name in service.breakers:
            yield Finding(
                "breaker_open",
                f"{service.name} does not ask {name} any more",
                "its circuit breaker is open: too many calls have failed",
                f"see why {name} fails; the breaker closes by itself",
            )


def _ms(facts: Facts) -> str:
    return f"{facts.limits.stage_seconds * 1000:.0f} ms"


def _reasons(stage: Stage) -> list[str]:
    return sorted({reason for reason in stage.failures if reason not in LATE})
