"""Files of TLS."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from recstack.doctor.facts import Certificate, Facts
from recstack.doctor.finding import Finding, Severity

DAY = 86_400.0
REMEDY = (
    "put new ones (`recstack certs FOLDER`, or your own CA) in their place; services read them for "
    "the next connection"
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


def _left(certificate: Certificate, facts: Facts) -> float:
    """Seconds; endless for one that cannot be read, whose problem says why."""
    return float("inf") if certificate.until is None else certificate.until - facts.now


def _files(certificates: Sequence[Certificate]) -> str:
    return ", ".join(str(one.file) for one in certificates)


def _dates(certificates: Sequence[Certificate]) -> str:
    first = min(one.until for one in certificates if one.until is not None)
    return f"the first holds until {datetime.fromtimestamp(first, UTC):%Y-%m-%d %H:%M} UTC"
