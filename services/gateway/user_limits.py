"""Limits of what is said of users, one place for both surfaces. Each error names the field."""

from collections.abc import Sequence

from services.chassis.errors import InvalidArgumentError
from services.domain.context import PREFERENCES
from services.gateway.limits import (
    Good,
    check_attributes,
    check_id,
    check_names,
    check_user_id,
    one_by_one,
)
from services.gateway.requests import Fault, UserInput

MAX_ATTRIBUTES = 63
MAX_VALUE_BYTES = 1024
MAX_PREFERENCES = 32


def check_users(given: Sequence[UserInput]) -> tuple[Good[UserInput], list[Fault]]:
    """Good users with their positions, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return one_by_one("users", given, _check_user)


def check_user_ids(given: Sequence[str]) -> tuple[Good[str], list[Fault]]:
    """Good ids of users, or keys of sessions, with their positions; and what is wrong with others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return one_by_one("user_ids", given, lambda user_id: check_id("user_id", user_id))


def _check_user(user: UserInput) -> None:
    check_user_id(user.user_id)
    check_attributes("profile", user.profile, MAX_ATTRIBUTES, MAX_VALUE_BYTES)
    if PREFERENCES in user.profile:
        raise InvalidArgumentError(f"profile[{PREFERENCES}]", "give it in the field preferences")
    check_names("preferences", user.preferences, MAX_PREFERENCES)
