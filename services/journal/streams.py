"""Names of the streams, and where an entry goes."""

PARTITIONS = 4
"""Streams a kind. Not a setting: writers and readers must agree."""

FIELD = b"e"
"""The one field of a stream entry."""

MAX_ENTRIES = 1_000_000
"""Entries that a stream keeps when nobody reads it; the oldest go."""


def stream(kind: str, partition: int) -> str:
    """Key of a stream."""
    return f"{kind}:{partition}"


def partition(pseudonym: bytes) -> int:
    """The partition of a user: all entries of a user are in one stream, in their order."""
    return int.from_bytes(pseudonym[:8], "little") % PARTITIONS


def added(kind: str, partition: int) -> str:
    """Key of the number of entries that were ever added, kept by who adds them, if at all."""
    return f"{kind}:{partition}:added"
