"""What the public calls of a gateway stand on."""

from collections.abc import Callable
from dataclasses import dataclass

from services.gateway.admission.admission import Admission
from services.gateway.page_token import PageTokens
from services.gateway.request_log import RequestLog
from services.gateway.resilience.budget import Clock
from services.gateway.shadow.mirror import Mirror
from services.items.store import ItemStore


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """How long a request may take, the two clocks, and the page tokens.

    Attributes:
        seconds: time to answer in.
        clock: seconds, never going back; for deadlines and latencies.
        now: unix seconds; the time of a request.
        pages: makes and takes page tokens.
        store: where changes of items go; None: nowhere, such calls fail.
        refuse_unknown: refuses events of items that nobody knows.
        log: is given every list that was answered; None: requests are not logged.
        admission: hears how long lists take; None: nobody does.
        mirror: is offered every list that was answered; None: no shadow is asked.
    """

    seconds: float
    clock: Clock
    now: Callable[[], float]
    pages: PageTokens
    store: ItemStore | None = None
    refuse_unknown: bool = True
    log: RequestLog | None = None
    admission: Admission | None = None
    mirror: Mirror | None = None
