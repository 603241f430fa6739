"""Limits of what is said of items, one place for both surfaces. Each error names the field."""

from collections.abc import Sequence

from services.chassis.errors import InvalidArgumentError
from services.gateway.limits import (
    Good,
    check_attributes,
    check_id,
    check_names,
    check_text,
    one_by_one,
)
from services.gateway.requests import Fault
from services.items.record import Item

MAX_TITLE_BYTES = 1024
MAX_NAMES = 32  # categories, and tags
MAX_ATTRIBUTES = 64
MAX_VALUE_BYTES = 1024
MAX_TEXT_BYTES = 8192
MAX_TIME = 2**40  # unix seconds; far more than a calendar has, far less than a record can hold


def check_items(given: Sequence[Item]) -> tuple[Good[Item], list[Fault]]:
    """Good items, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return one_by_one("items", given, _check_item)


def check_item_ids(given: Sequence[str]) -> tuple[Good[str], list[Fault]]:
    """Good ids, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return one_by_one("item_ids", given, lambda item_id: check_id("item_id", item_id))


def check_expiry(expires_at: int) -> int:
    """A time in unix seconds, or 0.

    Raises:
        InvalidArgumentError: it is neither.
    """
    if not 0 <= expires_at <= MAX_TIME:
        message = f"must be unix seconds, or 0 for never, not {expires_at}"
        raise InvalidArgumentError("expires_at", message)
    return expires_at


def _check_item(item: Item) -> None:
    check_id("item_id", item.item_id)
    check_text("title", item.title, MAX_TITLE_BYTES)
    check_names("categories", item.categories, MAX_NAMES)
    check_names("tags", item.tags, MAX_NAMES)
    check_attributes("attributes", item.attributes, MAX_ATTRIBUTES, MAX_VALUE_BYTES)
    check_text("text", item.text, MAX_TEXT_BYTES)
    check_expiry(item.expires_at)
