"""What the leader cannot read, told once."""

from services.chassis.log import get_logger
from services.rollout import metrics

_log = get_logger("rollout")


class Problems:
    """What was wrong with the documents at the last look at each."""

    def __init__(self) -> None:
        self._held: tuple[str, ...] = ()
        self._heard: tuple[str, ...] = ()

    def note(self, held: tuple[str, ...], heard: tuple[str, ...] | None) -> None:
        """What there is now.

        Args:
            held: of record and policy.
            heard: of reports; None: they were not looked at.
        """
        known = {*self._held, *self._heard}
        self._held, self._heard = held, self._heard if heard is None else heard
        for problem in (*self._held, *self._heard):
            if problem not in known:
                _log.warning("a document cannot be read", problem=problem)
        metrics.PROBLEMS.set(len(self._held) + len(self._heard))
