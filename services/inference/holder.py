"""Who holds releases in memory, and what can be asked of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class ReleaseState(Enum):
    """How far a release is."""

    LOADING = "loading"
    LOADED = "loaded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release that a holder was told to load.

    Attributes:
        reason: why it was refused; else empty.
        bytes: size of its files, most of which are memory-mapped; 0 before it is loaded.
        since: when the state began, unix seconds.
        by_hand: it stays until it is unloaded by hand, as it was loaded.
    """

    release: str
    state: ReleaseState
    reason: str = ""
    bytes: int = 0
    since: int = 0
    by_hand: bool = False


class HolderError(Exception):
    """Root of what a holder answers instead; the message is for people."""


class NoSuchReleaseError(HolderError):
    """There is no such release where releases lie, or it is not loaded."""


class ReleaseInUseError(HolderError):
    """The release stays: something stands on it."""


class HolderAwayError(HolderError):
    """Nobody answers, or not in time."""


class ReleaseHolder(Protocol):
    """Holds releases beside the one it started with; in this process or behind gRPC."""

    async def list(self) -> tuple[ReleaseRecord, ...]:
        """All it was told to load, oldest first; refused ones until they are tried again.

        Raises:
            HolderAwayError: it does not answer.
        """
        ...

    async def load(
        self, release: str, *, urgent: bool = False, by_hand: bool = False
    ) -> ReleaseRecord:
        """Begins to load a release, and returns at once; `list` says how it ended.

        One that is loaded or being loaded stays as it is, one that was refused is tried again.
        `urgent`: at full speed instead of beside what is served, for most people wait for it.
        `by_hand`: a person asks; it is by hand from now on, also when it was there before.

        Raises:
            InvalidArgumentError: that is no id.
            NoSuchReleaseError: it is not where releases lie; says which are.
            HolderAwayError: it does not answer.
        """
        ...

    async def unload(self, release: str, instead: str = "") -> None:
        """Forgets a release; queries that run on it end undisturbed.

        `instead`: a loaded release to stand on, when `release` is the one it stands on.

        Raises:
            InvalidArgumentError: that is no id, or `instead` is not loaded or the same.
            NoSuchReleaseError: it was not told to load it.
            ReleaseInUseError: it started with it and stands on it, and no other is named.
            HolderAwayError: it does not answer.
        """
        ...
