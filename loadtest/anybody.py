"""People of whom only the ids are known, for a stack that does not serve a simulated world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.simulation.people import LOOK, MOST_PAGES, SHORTEST_LOOK, STAYS, Deed

ANONYMOUS = 0.1  # share of the visits
CLICK = 0.1  # probability at the first place; 1 / log2(1 + place) of it further down
DEVICES = ("phone", "desktop", "tablet")


@dataclass(frozen=True, slots=True)
class Someone:
    """A visit; its fields are those of simulation.people.Visit that a load needs."""

    user_id: str
    session_id: str
    context: Mapping[str, str]
    pages: int
    thinks: Sequence[float]
    placement: str = "home"


class Anybody:
    """Users "1" to `users`, all as likely to come. What they click depends on the place alone."""

    def __init__(self, users: int, seed: int) -> None:
        self._users = users
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._visits = 0

    def day_after(self, seconds: float) -> float:
        """There is no calendar."""
        return 0.0

    def next_visit(self) -> Someone:
        self._visits += 1
        rng = self._rng
        known = rng.random() >= ANONYMOUS
        pages = min(int(rng.geometric(1.0 - STAYS)), MOST_PAGES)
        return Someone(
            str(rng.integers(1, self._users + 1)) if known else "",
            "" if known else f"load-{self._seed}-{self._visits}",
            {"device": DEVICES[rng.integers(len(DEVICES))]},
            pages,
            (SHORTEST_LOOK + rng.exponential(LOOK, pages - 1)).tolist(),
        )

    def react(self, visit: Someone, item_ids: Sequence[str], day: float) -> list[Deed]:
        """An impression of each item, then clicks."""
        chances = CLICK / np.log2(1 + np.arange(1, len(item_ids) + 1))
        clicked = np.flatnonzero(self._rng.random(len(item_ids)) < chances).tolist()
        seen = [Deed(item_id, "impression") for item_id in item_ids]
        return seen + [Deed(item_ids[place], "click") for place in clicked]
