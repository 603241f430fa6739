"""What the time of a list says about the number of calls in flight."""

from collections.abc import Iterable

from services.domain.outcome import Reason
from services.gateway.trace import Wait

WHOLE = 0.9  # a caller that leaves that much of the gateway's own time shortens nothing
_LATE = frozenset({Reason.TIMEOUT, Reason.EXPIRED})


def made_in(seconds: float, waits: Iterable[Wait], given: float, own: float) -> float:
    """Seconds that the limit is told of a list that was made in `seconds`.

    What was waited for stages that gave nothing is left out: that is for breakers. Not so where the
    caller left less time than the gateway's own. Then all shares are shorter, and a stage that was
    late may only have needed its whole share: such a list counts as if it had gone on at that rate,
    up to all of the gateway's own time.

    Args:
        seconds: from the call to its answer.
        waits: for what gave nothing.
        given: time it had, seconds.
        own: time it would have had without a deadline of the caller, seconds.
    """
    waits = tuple(waits)
    if given < WHOLE * own and any(wait.reason in _LATE for wait in waits):
        return cut_short(seconds, given, own)
    return seconds - sum(wait.seconds for wait in waits)


def cut_short(seconds: float, given: float, own: float) -> float:
    """At least how long it would have taken with all of the gateway's `own` time."""
    if given >= own:
        return seconds
    return max(seconds, min(seconds * own / given, own) if given > 0 else own)


def cancelled_after(seconds: float, given: float, own: float) -> float:
    """The same of a call that was cancelled: by the end of its deadline, or by its caller."""
    return cut_short(seconds, given, own) if seconds >= given else seconds
