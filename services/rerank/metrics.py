"""What reranking did, for operators."""

from prometheus_client import Counter

RECEIVED = Counter("recstack_rerank_received_items_total", "Items that came in.")
RETURNED = Counter("recstack_rerank_returned_items_total", "Items of the final lists.")
SHORT = Counter(
    "recstack_rerank_short_lists_total",
    "Lists shorter than asked for although enough items came in: rules removed too many.",
)


def observe(received: int, returned: int, wanted: int) -> None:
    """Counts one list."""
    RECEIVED.inc(received)
    RETURNED.inc(returned)
    if returned < min(received, wanted):
        SHORT.inc()
