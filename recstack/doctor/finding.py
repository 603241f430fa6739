"""What a check has found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # users notice it, something is lost, or it does not start
    WARNING = "warning"  # it will be, if nobody does anything


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        fault: its name, for programs; one of a few.
        what: is wrong, one sentence for people.
        evidence: what was seen, numbers and names; never a secret.
        remedy: what to do.
        severity: how bad it is.
    """

    fault: str
    what: str
    evidence: str
    remedy: str
    severity: Severity = Severity.ERROR
