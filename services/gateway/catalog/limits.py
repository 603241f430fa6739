"""Limits of what is said of items, one place for both surfaces. Each error names the field."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from services.chassis.errors import InvalidArgumentError
from services.gateway.limits import MAX_NAME_BYTES, check_id, check_text
from services.gateway.requests import Fault
from services.items.record import Item

MAX_ITEMS = 1000
MAX_TITLE_BYTES = 1024
MAX_NAMES = 32  # categories, and tags
MAX_ATTRIBUTES = 64
MAX_VALUE_BYTES = 1024
MAX_TEXT_BYTES = 8192
MAX_TIME = 2**40  # unix seconds; far more than a calendar has, far less than a record can hold

G = TypeVar("G")
Good = list[tuple[int, G]]
"""Good ones, each with its position in the call."""


def check_items(given: Sequence[Item]) -> tuple[Good[Item], list[Fault]]:
    """Good items, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return _one_by_one("items", given, _check_item)


def check_item_ids(given: Sequence[str]) -> tuple[Good[str], list[Fault]]:
    """Good ids, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return _one_by_one("item_ids", given, lambda item_id: check_id("item_id", item_id))


def check_expiry(expires_at: int) -> int:
    """A time in unix seconds, or 0.

    Raises:
        InvalidArgumentError: it is neither.
    """
    if not 0 <= expires_at <= MAX_TIME:
        message = f"must be unix seconds, or 0 for never, not {expires_at}"
        raise InvalidArgumentError("expires_at", message)
    return expires_at


def _one_by_one(
    field: str, given: Sequence[G], check: Callable[[G], object]
) -> tuple[Good[G], list[Fault]]:
    if not given:
        raise InvalidArgumentError(field, "must not be empty")
    if len(given) > MAX_ITEMS:
        raise InvalidArgumentError(field, f"at most {MAX_ITEMS}, not {len(given)}")
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


def _check_item(item: Item) -> None:
    check_id("item_id", item.item_id)
    check_text("title", item.title, MAX_TITLE_BYTES)
    _check_names("categories", item.categories)
    _check_names("tags", item.tags)
    _check_attributes(item.attributes)
    check_text("text", item.text, MAX_TEXT_BYTES)
    check_expiry(item.expires_at)


def _check_names(field: str, names: Sequence[str]) -> None:
    if len(names) > MAX_NAMES:
        raise InvalidArgumentError(field, f"at most {MAX_NAMES}, not {len(names)}")
    for index, name in enumerate(names):
        if not name:
            raise InvalidArgumentError(f"{field}[{index}]", "must not be empty")
        check_text(f"{field}[{index}]", name, MAX_NAME_BYTES)


def _check_attributes(attributes: Mapping[str, str]) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        message = f"at most {MAX_ATTRIBUTES}, not {len(attributes)}"
        raise InvalidArgumentError("attributes", message)
    for name, value in attributes.items():
        if not name:
            raise InvalidArgumentError("attributes", "names must not be empty")
        check_text("attributes", name, MAX_NAME_BYTES)
        check_text(f"attributes[{name}]", value, MAX_VALUE_BYTES)
