"""Limits of the public API, one place for both surfaces. Each error names the field."""

import math
from collections.abc import Callable, Mapping, Sequence
from time import gmtime
from typing import TypeVar

from services.chassis.errors import InvalidArgumentError
from services.domain.context import SESSION, RequestContext
from services.domain.events import MAX_VALUE, Event, EventType
from services.domain.ids import MAX_ID_BYTES, item_key, item_keys
from services.gateway.requests import (
    EventInput,
    Fault,
    ListRequest,
    RecommendInput,
    UserEvents,
)

MAX_SESSION_BYTES = 240
MAX_K = 100
DEFAULT_K = 20
MAX_EXCLUDED = 1000
MAX_CATEGORIES = 32
MAX_TAGS = 32
MAX_ATTRIBUTES = 32
MAX_NAME_BYTES = 64
MAX_EVENTS = 1000
MAX_EVENT_ID_BYTES = 128
MAX_AHEAD_SECONDS = 86_400
MAX_AGE_SECONDS = 5 * 365 * 86_400  # older ones are data for training, not what users do
MAX_MANY = 1000  # items or users in one call
EVENT_TYPES = frozenset(EventType)

G = TypeVar("G")
Good = list[tuple[int, G]]
"""Good ones, each with its position in the call."""


def check_recommend(given: RecommendInput, now: int) -> ListRequest:
    """The request within its limits; `now` in unix seconds.

    Raises:
        InvalidArgumentError: names the first field that is wrong.
    """
    user_id = _identity(given.user_id, given.session_id)
    k = check_k(given.k)
    check_text("placement", given.placement, MAX_NAME_BYTES)
    check_attributes("context", given.context, MAX_ATTRIBUTES)
    check_list("filter.categories", given.categories, MAX_CATEGORIES)
    check_list("filter.tags", given.tags, MAX_TAGS)
    check_list("exclude_item_ids", given.exclude_item_ids, MAX_EXCLUDED)
    return ListRequest(
        user_id,
        k,
        RequestContext(
            now,
            given.placement,
            {**_clock(now), **given.context},
            item_keys(given.exclude_item_ids),
            tuple(given.categories),
            tuple(given.tags),
        ),
    )


def _clock(now: int) -> dict[str, str]:
    """What a request says of its time when the client does not: hour 0 to 23, weekday 1 (Monday)
    to 7, both in UTC."""
    time = gmtime(now)
    return {"hour": str(time.tm_hour), "weekday": str(time.tm_wday + 1)}


def check_k(k: int | None) -> int:
    """The length of a list; not given: 20."""
    if k is None:
        return DEFAULT_K
    if not 1 <= k <= MAX_K:
        raise InvalidArgumentError("k", f"must be 1 to {MAX_K}, not {k}")
    return k


def check_id(field: str, value: str) -> str:
    """An id of 1 to 256 bytes."""
    if not value:
        raise InvalidArgumentError(field, "must not be empty")
    check_text(field, value, MAX_ID_BYTES)
    return value


def check_optional_id(field: str, value: str) -> str:
    """An id of at most 256 bytes; empty when not given."""
    check_text(field, value, MAX_ID_BYTES)
    return value


def check_events(given: Sequence[EventInput], now: int) -> tuple[list[UserEvents], list[Fault]]:
    """Good events by user, in the order they came, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are no events or too many.
    """
    if not given:
        raise InvalidArgumentError("events", "must not be empty")
    if len(given) > MAX_EVENTS:
        raise InvalidArgumentError("events", f"at most {MAX_EVENTS}, not {len(given)}")
    by_user: dict[str, list[tuple[int, Event]]] = {}
    faults = []
    for index, event in enumerate(given):
        try:
            user_id, checked = _checked(event, now)
            by_user.setdefault(user_id, []).append((index, checked))
        except InvalidArgumentError as error:
            faults.append(Fault(index, error.field, error.message))
    good = [
        UserEvents(user_id, tuple(e for _, e in rows), tuple(i for i, _ in rows))
        for user_id, rows in by_user.items()
    ]
    return good, faults


def _checked(event: EventInput, now: int) -> tuple[str, Event]:
    """The key of the user or session, and the event."""
    if event.unreadable:
        raise InvalidArgumentError(*event.unreadable)
    if not event.event_id:
        raise InvalidArgumentError("event_id", "must not be empty")
    check_text("event_id", event.event_id, MAX_EVENT_ID_BYTES)
    user_id = _identity(event.user_id, event.session_id)
    check_id("item_id", event.item_id)
    if event.type not in EVENT_TYPES:
        names = ", ".join(f"EVENT_TYPE_{kind.name}" for kind in EventType)
        raise InvalidArgumentError("type", f"must be one of {names}")
    if event.time and not -MAX_AGE_SECONDS <= event.time - now <= MAX_AHEAD_SECONDS:
        raise InvalidArgumentError(
            "time",
            "must be unix seconds, from 5 years ago up to a day ahead, or 0 for now, "
            f"not {event.time}",
        )
    if not math.isfinite(event.value) or abs(event.value) > MAX_VALUE:
        raise InvalidArgumentError("value", "must be a finite 32-bit number")
    check_text("request_id", event.request_id, MAX_EVENT_ID_BYTES)
    return user_id, Event(
        event_id=event.event_id,
        key=item_key(event.item_id),
        type=EventType(event.type),
        time=event.time or now,
        value=event.value,
        item_id=event.item_id,
        request_id=event.request_id,
    )


def one_by_one(
    field: str, given: Sequence[G], check: Callable[[G], object]
) -> tuple[Good[G], list[Fault]]:
    """Those that pass the check, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    if not given:
        raise InvalidArgumentError(field, "must not be empty")
    if len(given) > MAX_MANY:
        raise InvalidArgumentError(field, f"at most {MAX_MANY}, not {len(given)}")
    good: Good[G] = []
    faults = []
    for index, one in enumerate(given):
        try:
            check(one)
        except InvalidArgumentError as error:
            faults.append(Fault(index, error.field, error.message))
        else:
            good.append((index, one))
    return good, faults


def check_user_id(user_id: str) -> str:
    """The id of a user, not of a session."""
    if user_id.startswith(SESSION):
        raise InvalidArgumentError("user_id", f"must not begin with {SESSION!r}; give session_id")
    return check_id("user_id", user_id)


def _identity(user_id: str, session_id: str) -> str:
    """What the stages know the user or the session by."""
    if user_id and session_id:
        raise InvalidArgumentError("session_id", "give user_id or session_id, not both")
    if session_id:
        check_text("session_id", session_id, MAX_SESSION_BYTES)
        return SESSION + session_id
    if not user_id:
        raise InvalidArgumentError("user_id", "must not be empty; or give session_id")
    return check_user_id(user_id)


def check_text(field: str, value: str, limit: int) -> None:
    """A text of at most `limit` bytes of UTF-8."""
    if value.isascii():
        size = len(value)
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, UTF-8 cannot
            raise InvalidArgumentError(field, "must be text that UTF-8 can encode") from None
    if size > limit:
        raise InvalidArgumentError(field, f"at most {limit} bytes, not {size}")


def check_list(field: str, values: Sequence[str], limit: int) -> None:
    """At most `limit` ids or names, each 1 to 256 bytes."""
    if len(values) > limit:
        raise InvalidArgumentError(field, f"at most {limit}, not {len(values)}")
    for index, value in enumerate(values):
        check_id(f"{field}[{index}]", value)


def check_names(field: str, names: Sequence[str], limit: int) -> None:
    """At most `limit` names such as categories, each 1 to 64 bytes."""
    if len(names) > limit:
        raise InvalidArgumentError(field, f"at most {limit}, not {len(names)}")
    for index, name in enumerate(names):
        if not name:
            raise InvalidArgumentError(f"{field}[{index}]", "must not be empty")
        check_text(f"{field}[{index}]", name, MAX_NAME_BYTES)


def check_attributes(
    field: str, given: Mapping[str, str], limit: int, value_bytes: int = MAX_NAME_BYTES
) -> None:
    """At most `limit` attributes: names of 1 to 64 bytes, values of at most `value_bytes`."""
    if len(given) > limit:
        raise InvalidArgumentError(field, f"at most {limit}, not {len(given)}")
    for name, value in given.items():
        if not name:
            raise InvalidArgumentError(field, "names must not be empty")
        check_text(field, name, MAX_NAME_BYTES)
        check_text(f"{field}[{name}]", value, value_bytes)
