"""What all guards of a plan say: one that fails holds the step, and the others are heard."""

from functools import lru_cache

from services.chassis.log import get_logger
from services.rollout import metrics
from services.rollout.evidence import Evidence
from services.rollout.spec import Spec
from services.rollout.verdict import Kind, Verdict

_log = get_logger("rollout")


class NobodyJudgesError(Exception):
    """All guards that could take the canary back have failed; the message names their errors."""


def verdicts(spec: Spec, control: Evidence, canary: Evidence) -> tuple[Verdict, ...]:
    """A verdict of each guard, in the order of the plan; of one that raises an error, to hold.

    Raises:
        NobodyJudgesError: users must not stay on a canary that nobody judges.
    """
    said: list[Verdict] = []
    failed: dict[str, str] = {}
    for guard in spec.guards:
        try:
            said.append(guard.check(control, canary, spec.alpha))
        except Exception as error:  # noqa: BLE001 - degrade point: the others can take it back
            why = f"the guard failed: {type(error).__name__}: {error}"
            metrics.ERRORS.inc()
            _tell(guard.name, why)
            failed[guard.name] = why
            said.append(Verdict(Kind.HOLD, guard.name, why))
    if all(guard.name in failed for guard in spec.guards if guard.judges):
        raise NobodyJudgesError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return tuple(said)


@lru_cache(maxsize=32)
def _tell(guard: str, why: str) -> None:
    """With where it happened, and not at each look."""
    _log.exception("a guard failed", guard=guard, why=why)
