"""A stage that answers from releases: the same object in process and behind a servicer."""

import asyncio
import math
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from services.domain.outcome import CallError, Failure, Outcome, Reason


class ReleaseQuery(Protocol):
    """What every query of such a stage has."""

    @property
    def release(self) -> str: ...

    @property
    def remaining(self) -> float: ...


Q = TypeVar("Q", bound=ReleaseQuery)
R = TypeVar("R")
C = TypeVar("C", contravariant=True)
M = TypeVar("M", covariant=True)


class Model(Protocol[C, R]):
    """A release as one stage uses it."""

    async def run(self, queries: Sequence[C]) -> Sequence[Outcome[R]]:
        """Answers each query, in order; a bad one fails alone."""
        ...


class Loaded(Protocol[M]):
    """The releases that are loaded: ReleaseSlots, or a view of them."""

    def get(self, release: str) -> M | None: ...

    def ids(self) -> tuple[str, ...]: ...


class ReleaseStage(Generic[Q, R]):
    """StageClient over the loaded releases; each release's queries are one batch."""

    def __init__(self, models: Loaded[Model[Q, R]]) -> None:
        self._models = models

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Answers in the order of the queries.

        Raises:
            CallError: after `timeout` seconds (TIMEOUT).
        """
        expired: Outcome[R] = Outcome.failed(Reason.EXPIRED, "no time was left when it arrived")
        outcomes = [expired] * len(queries)
        batches: dict[str, list[int]] = {}
        for position, query in enumerate(queries):
            if query.remaining > 0:
                batches.setdefault(query.release, []).append(position)
        try:
            async with asyncio.timeout(timeout if math.isfinite(timeout) else None):
                for release, positions in batches.items():
                    answers = await self._run(release, [queries[p] for p in positions])
                    for position, answer in zip(positions, answers, strict=True):
                        outcomes[position] = answer
        except TimeoutError:
            message = f"no answer within {timeout:.3f} s"
            raise CallError(Failure(Reason.TIMEOUT, message)) from None
        return outcomes

    async def _run(self, release: str, queries: Sequence[Q]) -> Sequence[Outcome[R]]:
        model = self._models.get(release)
        if model is None:
            loaded = ", ".join(self._models.ids()) or "none"
            message = f"release {release} is not loaded; loaded: {loaded}"
            return [Outcome.failed(Reason.RELEASE_NOT_LOADED, message)] * len(queries)
        return await model.run(queries)
