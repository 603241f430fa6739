"""What goes wrong in a part of the service: counted each time, told once."""

from services.chassis.log import get_logger
from services.events.metrics import ERRORS


class Trouble:
    """Of one part. A Redis that is away for hours must not fill a disk with what is said of it."""

    def __init__(self, part: str) -> None:
        """`part`: its name in the log and in metrics."""
        self._part = part
        self._reason = ""
        self._log = get_logger("events")

    def failed(self, reason: str, message: str) -> None:
        """It has to begin again; told when it is for another reason than the last time."""
        ERRORS.labels(self._part, reason).inc()
        if reason != self._reason:
            self._log.error("begins again", what=self._part, reason=reason, error=message)
        self._reason = reason

    def over(self) -> None:
        """It did what it should."""
        if self._reason:
            self._log.info("goes on", what=self._part)
        self._reason = ""
