"""Who asks next, and what becomes of the answer.

A list is asked for whenever an arrival is due, whatever the server does. By someone who has looked
at a list and wants the next, if there is one, else by someone who comes. So the rate is that of the
arrivals, and what is asked is what people ask.
"""

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from loadtest.calls import OK, Answer, Ask, Told
from loadtest.simulation.people import Deed

Feedback = Literal["all", "actions", "none"]


class Visit(Protocol):
    """Someone comes; as simulation.people.Visit."""

    @property
    def user_id(self) -> str: ...

    @property
    def session_id(self) -> str: ...

    @property
    def placement(self) -> str: ...

    @property
    def context(self) -> Mapping[str, str]: ...

    @property
    def pages(self) -> int: ...

    @property
    def thinks(self) -> Sequence[float]: ...


class People(Protocol):
    """As simulation.people.People."""

    def next_visit(self) -> Visit: ...

    def react(self, visit: Any, item_ids: Sequence[str], day: float) -> list[Deed]: ...

    def day_after(self, seconds: float) -> float: ...


@dataclass(slots=True)
class Stay:
    """A visit under way: lists asked for so far, and the token of the next."""

    visit: Visit
    asked: int = 0
    page_token: str = ""


class Crowd:
    """People at a stack.

    `feedback`: what is told of what they do: everything, all but impressions, nothing. `k`: length
    of the lists.
    """

    def __init__(self, people: People, k: int = 20, feedback: Feedback = "actions") -> None:
        self._people = people
        self._k = k
        self._feedback = feedback
        self._due: list[tuple[float, int, Stay]] = []
        self._order = itertools.count()

    def next_ask(self, now: float) -> tuple[Stay, Ask]:
        """The list that is asked for at `now`, seconds from the begin of the load."""
        if self._due and self._due[0][0] <= now:
            stay = heapq.heappop(self._due)[2]
        else:
            stay = Stay(self._people.next_visit())
        visit, token = stay.visit, stay.page_token
        stay.page_token = ""
        if stay.asked < len(visit.thinks):
            again = now + visit.thinks[stay.asked]
            heapq.heappush(self._due, (again, next(self._order), stay))
        stay.asked += 1
        ask = Ask(visit.user_id, visit.session_id, self._k, visit.placement, visit.context, token)
        return stay, ask

    def answered(self, stay: Stay, answer: Answer, now: float) -> Told | None:
        """What they tell of the answer; None: nothing."""
        if answer.outcome != OK:
            return None
        stay.page_token = answer.page_token
        if self._feedback == "none":
            return None
        deeds = self._people.react(stay.visit, answer.items, self._people.day_after(now))
        if self._feedback == "actions":
            deeds = [deed for deed in deeds if deed.type != "impression"]
        visit = stay.visit
        return Told(visit.user_id, visit.session_id, answer.request_id, deeds) if deeds else None
