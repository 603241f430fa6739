"""The id of the request being worked on, carried from process to process as metadata."""

from contextvars import ContextVar
from uuid import uuid4

METADATA_KEY = "x-request-id"
MAX_LENGTH = 128

request_id: ContextVar[str] = ContextVar("request_id", default="")


def accept(given: str | None) -> str:
    """The caller's id when it is usable (printable ASCII, at most 128), else a new one."""
    if given and len(given) <= MAX_LENGTH and given.isascii() and given.isprintable():
        return given
    return uuid4().hex
