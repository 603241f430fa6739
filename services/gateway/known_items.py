"""Events of items that nobody knows: they would be in histories for ever and match nothing."""

from collections.abc import Callable, Sequence

import numpy as np

from services.domain.arrays import U64, Bools
from services.gateway.requests import Fault, UserEvents

MESSAGE = "neither the release nor the item table has this item; put it first"


def by_known_items(
    users: Sequence[UserEvents], known: Callable[[U64], Bools]
) -> tuple[list[UserEvents], list[Fault]]:
    """The events of known items, and a fault for each of the others.

    Args:
        users: events by user.
        known: which item keys somebody knows.
    """
    kept, faults = [], []
    keys = np.array([event.key for user in users for event in user.events], np.uint64)
    answers = iter(known(keys).tolist())
    for user in users:
        good = [next(answers) for _ in user.events]
        faults += [
            Fault(index, "item_id", MESSAGE)
            for index, fine in zip(user.indices, good, strict=True)
            if not fine
        ]
        if any(good):
            kept.append(_only(user, good))
    return kept, faults


def _only(user: UserEvents, good: Sequence[bool]) -> UserEvents:
    if all(good):
        return user
    pairs = zip(user.events, user.indices, good, strict=True)
    events, indices = zip(*((e, i) for e, i, fine in pairs if fine), strict=True)
    return UserEvents(user.user_id, events, indices)
