"""Files of TLS."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from recstack.doctor.facts import Certificate, Facts
from recstack.doctor.finding import Finding, Severity

DAY = 86_400.0
REMEDY = (
    "put new ones (`recstack certs FOLDER`, or your own CA) in their place, then `recstack "
    "restart`: a service calls others with what it read when it started"
)


def ended(facts: Facts) -> Iterator[Finding]:
    """Certificates that have ended, soon will, or are trusted by nobody."""
    over = [one for one in facts.certificates if _left(one, facts) <= 0]
    if over:
        yield Finding("expired_certificate", f"expired: {_files(over)}", _dates(over), REMEDY)
    for one in facts.certificates:
        blamed = bool(over) and "expired" in one.problem  # for another one that has
        if one not in over and one.problem and not blamed:
            what = f"the certificate {one.file} cannot be used"
            yield Finding("bad_certificate", what, one.problem, REMEDY)
    soon = facts.limits.certificate_days * DAY
    if ending := [one for one in facts.certificates if 0 < _left(one, facts) < soon]:
        what = f"soon to expire: {_files(ending)}"
        yield Finding("certificate_ends_soon", what, _dates(ending), REMEDY, Severity.WARNING)
    elif not over:
        yield from _not_taken(facts, facts.now + soon)


def _not_taken(facts: Facts, soon: float) -> Iterator[Finding]:
    """Services that call with a certificate of before, while the files are renewed."""
    for service in facts.services:
        if 0 < service.certificate_until < soon:
            what = f"{service.name} calls with a certificate that was replaced since"
            over = service.certificate_until <= facts.now
            severity = Severity.ERROR if over else Severity.WARNING
            until = f"holds until {_date(service.certificate_until)}"
            remedy = f"recstack restart {service.name}"
            yield Finding("certificate_not_taken", what, until, remedy, severity)


def _left(certificate: Certificate, facts: Facts) -> float:
    """Seconds; endless for one that cannot be read, whose problem says why."""
    return float("inf") if certificate.until is None else certificate.until - facts.now


def _files(certificates: Sequence[Certificate]) -> str:
    return ", ".join(str(one.file) for one in certificates)


def _dates(certificates: Sequence[Certificate]) -> str:
    first = min(one.until for one in certificates if one.until is not None)
    return f"the first holds until {_date(first)}"


def _date(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
