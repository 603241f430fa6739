"""What reranking did, for operators."""

from services.telemetry.instruments import counter

RECEIVED = counter("recstack_rerank_received_items_total")
RETURNED = counter("recstack_rerank_returned_items_total")
SHORT = counter("recstack_rerank_short_lists_total")


def observe(received: int, returned: int, wanted: int) -> None:
    """Counts one list."""
    RECEIVED.inc(received)
    RETURNED.inc(returned)
    if returned < min(received, wanted):
        SHORT.inc()
