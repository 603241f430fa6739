"""The release that should serve."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts, ReleaseTrouble
from recstack.doctor.finding import Finding

OTHER = "make one with `recstack train`, or name one that is whole with --release"


def unusable(facts: Facts) -> Iterator[Finding]:
    """No such release, or not as it was made."""
    for trouble, message in facts.release.troubles:
        if trouble is ReleaseTrouble.MISSING:
            yield Finding("missing_release", "the release is not there", message, OTHER)
        elif trouble is ReleaseTrouble.DAMAGED:
            what = f"the release {facts.release.id} is damaged"
            yield Finding("damaged_release", what, message, OTHER)


def schema(facts: Facts) -> Iterator[Finding]:
    """Its models were trained with features of another schema than it would serve with."""
    for trouble, message in facts.release.troubles:
        if trouble is ReleaseTrouble.SCHEMA:
            yield Finding(
                "schema_mismatch",
                f"the release {facts.release.id} does not fit its feature schema",
                message,
                f"it was put together of two releases: {OTHER}",
            )
