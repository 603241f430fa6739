"""Ids of stream entries: unix milliseconds and a sequence number, as Redis gives them."""

from typing import NamedTuple


class EntryId(NamedTuple):
    """Ordered as the entries are."""

    ms: int
    sequence: int

    @staticmethod
    def parse(text: bytes | str) -> "EntryId":
        """Of `ms-sequence`."""
        ms, _, sequence = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return EntryId(int(ms), int(sequence))

    def __str__(self) -> str:
        return f"{self.ms}-{self.sequence}"

    @property
    def next(self) -> "EntryId":
        """The least id after this one."""
        return EntryId(self.ms, self.sequence + 1)


START = EntryId(0, 0)
"""Before every entry."""
