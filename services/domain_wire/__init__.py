"""Wire conversions of the messages that several services share; pure functions, proto ↔ domain."""

from services.domain_wire.candidates import (
    candidates_from_proto,
    candidates_to_proto,
    check_rows,
    inline_from_proto,
    inline_to_proto,
)
from services.domain_wire.columns import column
from services.domain_wire.context import (
    context_from_proto,
    context_to_proto,
    history_from_proto,
    history_to_proto,
    request_from_proto,
    request_to_proto,
)
from services.domain_wire.status import (
    remaining_from_ms,
    remaining_to_ms,
    status_from_proto,
    status_to_proto,
)

__all__ = [
    "candidates_from_proto",
    "candidates_to_proto",
    "check_rows",
    "column",
    "context_from_proto",
    "context_to_proto",
    "history_from_proto",
    "history_to_proto",
    "inline_from_proto",
    "inline_to_proto",
    "remaining_from_ms",
    "remaining_to_ms",
    "request_from_proto",
    "request_to_proto",
    "status_from_proto",
    "status_to_proto",
]
