"""What was found, for people."""

from collections.abc import Iterator, Sequence

from recstack.doctor.checks import CHECKS
from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding, Severity


def wrong(findings: Sequence[Finding]) -> bool:
    """Whether anything but warnings was found."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def lines(facts: Facts, findings: Sequence[Finding]) -> Iterator[str]:
    """A paragraph for each finding, then the sum."""
    for finding in findings:
        mark = "!" if finding.severity is Severity.WARNING else "✗"
        yield f"{mark} {finding.what} [{finding.fault}]"
        yield f"    seen: {finding.evidence}"
        yield f"    do:   {finding.remedy}"
    serving = sum(service.serving for service in facts.services)
    yield (
        f"{len(findings) or 'nothing'} found · {len(CHECKS)} checks"
        f" · {serving} of {len(facts.services)} services serve"
        f" · {facts.asked.answers} lists asked for · release {facts.release.id or 'none'}"
    )
