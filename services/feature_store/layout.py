"""Where a user's state stands in Redis: one hash a user, its fields and their limits."""

import math
from dataclasses import dataclass

from services.domain.context import SESSION

HISTORY_LIMIT = 200
RECENT_LIMIT = 200
EVENT_IDS_LIMIT = 1024  # more than a call may have: its ids are known when it is sent again

PROFILE = "profile"
HISTORY = "history"
RECENT = "recent"
EVENT_IDS = "event_ids"

ERASED = b"users:erased"
"""Sorted set: what stands for each erased user, by the time of its erasure."""
ERASED_SECONDS = 365 * 86_400
"""An import from then on may bring an erased user back."""


def user_key(user_id: str) -> bytes:
    """The user's hash; the braces keep all keys of a user on one node of a cluster."""
    return b"{u:" + user_id.encode() + b"}"


def written_keys(user_id: str) -> tuple[bytes, bytes, bytes]:
    """The user's hash, and two keys that exist only while a script runs."""
    key = user_key(user_id)
    return key, key + b":1", key + b":2"


def import_key(fingerprint: str) -> bytes:
    """Exists when the import was finished."""
    return b"import:" + fingerprint.encode()


def bloom_field(age: int) -> str:
    """Field of a Bloom generation; age 0 is the newest."""
    return f"bloom.{age}"


@dataclass(frozen=True, slots=True)
class BloomShape:
    """Size of the seen filter of a user.

    A generation is full when half of its bits are set: then its error is 2^-hashes, the least a
    filter of this size can have for as many keys (Bloom 1970), and the next generation begins.
    """

    bits: int = 16384
    hashes: int = 10
    generations: int = 2

    @property
    def log2_bits(self) -> int:
        return self.bits.bit_length() - 1

    @property
    def full(self) -> int:
        """Set bits of a full generation."""
        return self.bits // 2

    @property
    def capacity(self) -> int:
        """Distinct keys that fill a generation, on average: bits · ln 2 / hashes."""
        return int(self.bits * math.log(2) / self.hashes)


@dataclass(frozen=True, slots=True)
class Layout:
    """How users are written.

    Attributes:
        bloom: size of the seen filter.
        user_expiry, session_expiry: seconds after the last write that they are kept.
    """

    bloom: BloomShape
    user_expiry: int
    session_expiry: int

    def expiry(self, user_id: str) -> int:
        """Seconds after its last write that a user, or a session, is kept."""
        return self.session_expiry if user_id.startswith(SESSION) else self.user_expiry

    def fields(self) -> tuple[str, ...]:
        """What a context is read from, in this order."""
        return (PROFILE, HISTORY, RECENT, *map(bloom_field, range(self.bloom.generations)))
