"""What the client gives and takes of items and users: plain values, no protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ItemState = Literal["shown", "hidden", "deleted", "expired"]


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """An item as its owner puts it.

    Attributes:
        item_id: its id.
        title: for people; empty: the id stands for it.
        categories, tags: names.
        attributes: name to value, as in the training data.
        text: a description, read as words.
        expires_at: when it leaves every answer, unix seconds; 0: never.
    """

    item_id: str
    title: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """What is known of an item.

    Attributes:
        item: as it was put, or else as the release has it.
        state: whether it may be in an answer.
        in_release: the release that serves was trained with it.
        put_at: when it was last put, unix seconds; 0: never.
    """

    item: CatalogItem
    state: ItemState
    in_release: bool
    put_at: int


@dataclass(frozen=True, slots=True)
class User:
    """A user's profile; `preferences`: categories chosen at the start, best first."""

    user_id: str
    profile: Mapping[str, str] = field(default_factory=dict)
    preferences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogError:
    """An item or user that was not changed: its position, the wrong field, and whether to retry."""

    index: int
    field: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """How many items or users were changed; those with errors were not."""

    changed: int
    errors: tuple[CatalogError, ...]


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """An item in user state; the id is empty when neither release nor item table has it."""

    key: int
    item_id: str


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """One stored event; `type` such as "click", `time` unix seconds."""

    item: ExportedItem
    type: str
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class UserExport:
    """Everything that is stored of a user; events and shown items newest first.

    `seen_count`: about how many items were seen in all; which they were is not stored.
    """

    user: User
    events: tuple[ExportedEvent, ...]
    shown: tuple[ExportedItem, ...]
    seen_count: int
