"""What simulated people ask and tell a stack, and what they get; no word about how it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.simulation.people import Deed

OK = "OK"
REFUSED = "RESOURCE_EXHAUSTED"
LATE = "DEADLINE_EXCEEDED"
UNREACHED = "UNAVAILABLE"
UNREADABLE = "UNREADABLE_ANSWER"  # answered, but not as the gateway answers


@dataclass(frozen=True, slots=True)
class Ask:
    """A list is asked for; one of the two ids is empty."""

    user_id: str
    session_id: str
    k: int
    placement: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    page_token: str = ""

    @property
    def kind(self) -> str:
        """What reports call it. Refusals begin with those at the end: list, page, anonymous."""
        if self.page_token:
            return "page"
        return "list" if self.user_id else "anonymous"


@dataclass(frozen=True, slots=True)
class Told:
    """What someone did with the items of one answer."""

    user_id: str
    session_id: str
    request_id: str
    deeds: Sequence[Deed]

    kind = "events"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended.

    Attributes:
        outcome: OK, or the name of the gRPC status, over HTTP too.
        items: ids in order.
        request_id, page_token: to go on with.
        degraded: "stage REASON" of what was skipped.
        delay_ms: after which a refused caller may come again; None: it was not told.
        release: that answered.
        resent: its call went to a kept HTTP connection that had closed, and was sent once more.
    """

    outcome: str = OK
    items: tuple[str, ...] = ()
    request_id: str = ""
    page_token: str = ""
    degraded: tuple[str, ...] = ()
    delay_ms: int | None = None
    release: str = ""
    resent: bool = False


class Caller(Protocol):
    """A connection to the gateway. It never raises for what a server does, and never retries but
    for a kept connection that had closed: `Answer.resent`."""

    def ask(self, ask: Ask, deadline: float) -> Answer:
        """`deadline`: seconds to wait."""
        ...

    def tell(self, told: Told, deadline: float) -> Answer: ...

    def close(self) -> None: ...
