"""The loaded releases of recall, each with what changes while it serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.live import NOTHING_LIVE, Live
from services.domain.outcome import Outcome
from services.domain.stages import (
    Recalled,
    RecallQuery,
    Similar,
    SimilarQuery,
)
from services.recall.model import RecallModel
from services.recall.similar import SimilarModel

LiveOf = Callable[[str], Live]


class RecallSlots(Protocol):
    """The loaded releases."""

    def get(self, release: str) -> RecallModel | None: ...

    def ids(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class _Recall:
    """A release and a live state: a batch is answered from one of them."""

    model: RecallModel
    live: Live

    async def run(self, queries: Sequence[RecallQuery]) -> Sequence[Outcome[Recalled]]:
        return await self.model.run(queries, self.live)


@dataclass(frozen=True, slots=True)
class _Similar:
    model: SimilarModel
    live: Live

    async def run(self, queries: Sequence[SimilarQuery]) -> Sequence[Outcome[Similar]]:
        return await self.model.run(queries, self.live)


class LiveSlots:
    """The loaded releases, as the recall stage uses them."""

    def __init__(self, slots: RecallSlots, live_of: LiveOf) -> None:
        self._slots = slots
        self._live_of = live_of

    def get(self, release: str) -> _Recall | None:
        model = self._slots.get(release)
        return None if model is None else _Recall(model, self._live_of(release))

    def ids(self) -> tuple[str, ...]:
        return self._slots.ids()


class SimilarSlots:
    """The loaded releases, as the similar stage uses them."""

    def __init__(self, slots: RecallSlots, live_of: LiveOf = lambda _: NOTHING_LIVE) -> None:
        self._slots = slots
        self._live_of = live_of

    def get(self, release: str) -> _Similar | None:
        model = self._slots.get(release)
        return None if model is None else _Similar(model.similar, self._live_of(release))

    def ids(self) -> tuple[str, ...]:
        return self._slots.ids()
