"""The seams of the stack: what a stage, a channel, a filter and a rule look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.domain.arrays import F32, I32, Bools
from services.domain.live import Live
from services.domain.outcome import Outcome
from services.domain.stages import (
    RecallQuery,
    RerankQuery,
    RuleNote,
    Slate,
)

Q = TypeVar("Q", contravariant=True)
R = TypeVar("R")


class StageClient(Protocol[Q, R]):
    """A stage, wherever it runs: in this process or behind gRPC.

    Laws (tests/contract): as many outcomes as queries, in their order; one bad query fails alone;
    an exception means that the whole call failed; an expired query is answered EXPIRED.
    """

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Answers each query. `timeout`: seconds for the whole call."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a channel found for one query, best first.

    Attributes:
        rows: int32 [n], distinct; row -1-i is the i-th fresh item of the live state.
        scores: float32 [n].
        vector: the user's vector float32 [d], from a channel that computes one.
    """

    rows: I32
    scores: F32
    vector: F32 | None = None


class CandidateSource(Protocol):
    """A recall channel."""

    name: str

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """Up to `limits[i]` distinct items for query i, best first, seen items included.

        `live`: what changes while the release serves; the same for the whole batch.
        """
        ...


class Filter(Protocol):
    """Takes candidates out."""

    name: str

    def apply(self, rows: I32, query: RecallQuery, live: Live) -> Bools | None:
        """True for the rows to keep, bool [n]; the others are removed under the filter's name.

        None: it keeps all of them.
        """
        ...


class Rule(Protocol):
    """A step of reranking."""

    name: str

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, tuple[RuleNote, ...]]:
        """A new list, best first, and what was done to which item."""
        ...
