"""Limits of what is said of users, one place for both surfaces. Each error names the field."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from services.chassis.errors import InvalidArgumentError
from services.domain.context import PREFERENCES
from services.gateway.limits import MAX_NAME_BYTES, check_id, check_text, check_user_id
from services.gateway.requests import Fault, UserInput

MAX_USERS = 1000
MAX_ATTRIBUTES = 63
MAX_VALUE_BYTES = 1024
MAX_PREFERENCES = 32

G = TypeVar("G")


def check_users(given: Sequence[UserInput]) -> tuple[list[tuple[int, UserInput]], list[Fault]]:
    """Good users with their positions, and what is wrong with the others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return _one_by_one("users", given, _check_user)


def check_user_ids(given: Sequence[str]) -> tuple[list[tuple[int, str]], list[Fault]]:
    """Good ids of users, or keys of sessions, with their positions; and what is wrong with others.

    Raises:
        InvalidArgumentError: when there are none or too many.
    """
    return _one_by_one("user_ids", given, lambda user_id: check_id("user_id", user_id))


def _one_by_one(
    field: str, given: Sequence[G], check: Callable[[G], object]
) -> tuple[list[tuple[int, G]], list[Fault]]:
    if not given:
        raise InvalidArgumentError(field, "must not be empty")
    if len(given) > MAX_USERS:
        raise InvalidArgumentError(field, f"at most {MAX_USERS}, not {len(given)}")
    good: list[tuple[int, G]] = []
    faults = []
    for index, one in enumerate(given):
        try:
            check(one)
            good.append((index, one))
        except InvalidArgumentError as error:
            faults.append(Fault(index, error.field, error.message))
    return good, faults


def _check_user(user: UserInput) -> None:
    check_user_id(user.user_id)
    if len(user.profile) > MAX_ATTRIBUTES:
        raise InvalidArgumentError("profile", f"at most {MAX_ATTRIBUTES}, not {len(user.profile)}")
    for name, value in user.profile.items():
        if not name:
            raise InvalidArgumentError("profile", "names must not be empty")
        check_text("profile", name, MAX_NAME_BYTES)
        if name == PREFERENCES:
            raise InvalidArgumentError(f"profile[{name}]", "give it in the field preferences")
        check_text(f"profile[{name}]", value, MAX_VALUE_BYTES)
    if len(user.preferences) > MAX_PREFERENCES:
        count = len(user.preferences)
        raise InvalidArgumentError("preferences", f"at most {MAX_PREFERENCES}, not {count}")
    for index, name in enumerate(user.preferences):
        if not name:
            raise InvalidArgumentError(f"preferences[{index}]", "must not be empty")
        check_text(f"preferences[{index}]", name, MAX_NAME_BYTES)
