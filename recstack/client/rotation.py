"""Whose turn it is of several addresses."""

from collections.abc import Callable, Collection, Sequence
from itertools import count

Clock = Callable[[], float]

PAUSE_SECONDS = 1.0
"""So long an address that failed is passed over."""


def addresses(given: str) -> tuple[str, ...]:
    """The addresses of "host:port,host:port".

    Raises:
        ValueError: one is empty.
    """
    found = tuple(address.strip() for address in given.split(","))
    if not all(found):
        raise ValueError(f"addresses are host:port, with commas between them; not {given!r}")
    return found


class Rotation:
    """Round robin. An address that just failed is passed over, unless all of them are.

    Args:
        addresses: at least one.
        start: the place of the first turn; at random, so that many clients spread.
        clock: seconds, never going back.
    """

    def __init__(self, addresses: Sequence[str], start: int, clock: Clock) -> None:
        self._addresses = addresses
        self._turns = count(start)
        self._clock = clock
        self._down_until = dict.fromkeys(addresses, -1.0)

    def next(self, tried: Collection[str] = ()) -> str:
        """The address of the next try of a call that tried those: another one, if there is one."""
        if len(self._addresses) == 1:
            return self._addresses[0]
        now = self._clock()
        there = [a for a in self._addresses if a not in tried] or self._addresses
        healthy = [a for a in there if self._down_until[a] <= now] or there
        return healthy[next(self._turns) % len(healthy)]

    def failed(self, address: str) -> None:
        """It could not be reached."""
        self._down_until[address] = self._clock() + PAUSE_SECONDS
