"""Limits of what may be asked; each check answers with what is wrong, or nothing."""

import math
from collections.abc import Mapping, Sequence

from services.domain.events import MAX_VALUE, EventType
from services.domain.user_state import (
    AppendEventsQuery,
    ContextQuery,
    EraseQuery,
    MarkShownQuery,
    ProfileQuery,
    UserImport,
)

MAX_QUERIES = 256
MAX_USER_ID_BYTES = 256
MAX_EVENT_ID_BYTES = 128
MAX_FINGERPRINT_BYTES = 128
MAX_SHOWN = 500
MAX_EVENTS = 1000
MAX_IMPORTED_USERS = 1000
MAX_PROFILE = 64
MAX_NAME_BYTES = 64
MAX_VALUE_BYTES = 16_384  # preferences are one value: 32 names, escaped
MAX_ITEM_ID_BYTES = 256
MAX_REQUEST_ID_BYTES = 128


def text_error(field: str, text: str, limit: int) -> str:
    """What is wrong with a text that must have 1 to `limit` bytes of UTF-8."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"{field}: not valid Unicode"
    return "" if 1 <= size <= limit else f"{field}: {size} bytes, 1 to {limit} expected"


def context_error(query: ContextQuery) -> str:
    """What is wrong with the query."""
    return text_error("user_id", query.user_id, MAX_USER_ID_BYTES)


def mark_error(query: MarkShownQuery) -> str:
    """What is wrong with the query."""
    if len(query.keys) > MAX_SHOWN:
        return f"keys: {len(query.keys)}, at most {MAX_SHOWN}"
    return text_error("user_id", query.user_id, MAX_USER_ID_BYTES)


def append_error(query: AppendEventsQuery) -> str:
    """What is wrong with the query: one bad event refuses it as a whole."""
    if len(query.events) > MAX_EVENTS:
        return f"events: {len(query.events)}, at most {MAX_EVENTS}"
    for event in query.events:
        if error := text_error("event_id", event.event_id, MAX_EVENT_ID_BYTES):
            return error
        if not 0 <= event.key < 2**64:
            return f"key: {event.key} is not an item key"
        if not 0 < event.time < 2**32:
            return f"time: {event.time} is not a time in unix seconds"
        if event.type not in EventType.__members__.values():
            return f"type: {event.type} is no event type"
        if not math.isfinite(event.value) or abs(event.value) > MAX_VALUE:
            return f"value: {event.value} is not a finite float32"
        if event.item_id and (error := text_error("item_id", event.item_id, MAX_ITEM_ID_BYTES)):
            return error
        if event.request_id and (
            error := text_error("request_id", event.request_id, MAX_REQUEST_ID_BYTES)
        ):
            return error
    return text_error("user_id", query.user_id, MAX_USER_ID_BYTES)


def profile_error(query: ProfileQuery) -> str:
    """What is wrong with the query."""
    if error := _attributes_error("profile", query.profile):
        return error
    return text_error("user_id", query.user_id, MAX_USER_ID_BYTES)


def erase_error(query: EraseQuery) -> str:
    """What is wrong with the query."""
    return text_error("user_id", query.user_id, MAX_USER_ID_BYTES)


def fingerprint_error(fingerprint: str) -> str:
    """What is wrong with the name of an import."""
    return text_error("fingerprint", fingerprint, MAX_FINGERPRINT_BYTES)


def import_error(fingerprint: str, users: Sequence[UserImport]) -> str:
    """What is wrong with a part of an import: one bad user refuses it as a whole."""
    if len(users) > MAX_IMPORTED_USERS:
        return f"users: {len(users)}, at most {MAX_IMPORTED_USERS}"
    for i, user in enumerate(users):
        if error := text_error(f"users[{i}].user_id", user.user_id, MAX_USER_ID_BYTES):
            return error
        if error := _attributes_error(f"users[{i}].profile", user.profile):
            return error
    return fingerprint_error(fingerprint)


def _attributes_error(field: str, profile: Mapping[str, str]) -> str:
    if len(profile) > MAX_PROFILE:
        return f"{field}: {len(profile)} attributes, at most {MAX_PROFILE}"
    for name, value in profile.items():
        if error := text_error(f"{field}: name", name, MAX_NAME_BYTES):
            return error
        if value and (error := text_error(f"{field}[{name}]", value, MAX_VALUE_BYTES)):
            return error
    return ""
