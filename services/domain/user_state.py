"""What the feature store is asked and answers. A query's `remaining` is its time left, seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.domain.arrays import U64
from services.domain.context import History
from services.domain.events import Event


@dataclass(frozen=True, slots=True)
class ContextQuery:
    """feature_store: everything known of a user; answered with a UserContext."""

    user_id: str
    remaining: float


@dataclass(frozen=True, slots=True)
class MarkShownQuery:
    """feature_store: these items were shown; answered with Marked."""

    user_id: str
    keys: U64
    now: int
    remaining: float


@dataclass(frozen=True, slots=True)
class Marked:
    """The mark is stored; requests that start now do not see these items."""


@dataclass(frozen=True, slots=True)
class AppendEventsQuery:
    """feature_store: put events into the user's history; answered with Appended."""

    user_id: str
    events: tuple[Event, ...]
    remaining: float


@dataclass(frozen=True, slots=True)
class Appended:
    """How the events of one query ended; accepted + duplicates = events sent."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class ProfileQuery:
    """feature_store: replaces the user's profile by these attributes; answered with Stored."""

    user_id: str
    profile: Mapping[str, str]
    remaining: float


@dataclass(frozen=True, slots=True)
class Stored:
    """It is stored: requests that start now have it."""


@dataclass(frozen=True, slots=True)
class EraseQuery:
    """feature_store: forgets everything about a user; answered with Erased."""

    user_id: str
    remaining: float


@dataclass(frozen=True, slots=True)
class Erased:
    """The user is forgotten; `existed` is False when nothing was stored."""

    existed: bool


@dataclass(frozen=True, slots=True)
class UserImport:
    """A user with all its state, for loading many users at once; `seen_keys` newest first."""

    user_id: str
    profile: Mapping[str, str]
    history: History
    seen_keys: U64


@dataclass(frozen=True, slots=True)
class Imported:
    """How many users an import stored, and how many it left alone because they exist."""

    imported: int
    existing: int
