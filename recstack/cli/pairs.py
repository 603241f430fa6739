"""Options of the form name=value."""

from collections.abc import Sequence

from recstack.cli.failure import Failure


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """The values by their names; Failure when one is not name=value."""
    parted = [text.partition("=") for text in given or ()]
    for name, equals, value in parted:
        if not name or not equals:
            raise Failure(f"{option}: {name + equals + value!r} is not name=value")
    return {name: value for name, _, value in parted}
