"""The stages the funnel asks, wherever they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.domain.context import UserContext
from services.domain.protocols import StageClient
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
    Similar,
    SimilarQuery,
)
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    Marked,
    MarkShownQuery,
    ProfileQuery,
    Stored,
)
from services.inference.holder import ReleaseHolder


@dataclass(frozen=True, slots=True)
class Stages:
    """One client a call; in this process or behind gRPC, the funnel does not know.

    Attributes:
        addresses: where the stages that are behind gRPC are, by the names of their guards.
        holders: what holds the releases of the stages that answer from releases, by name.
        anew: makes other clients of these, by name, over the same channels.
    """

    contexts: StageClient[ContextQuery, UserContext]
    recall: StageClient[RecallQuery, Recalled]
    similar: StageClient[SimilarQuery, Similar]
    prerank: StageClient[PrerankQuery, Scores]
    rank: StageClient[RankQuery, Scores]
    rerank: StageClient[RerankQuery, Reranked]
    marks: StageClient[MarkShownQuery, Marked]
    events: StageClient[AppendEventsQuery, Appended]
    profiles: StageClient[ProfileQuery, Stored]
    erasures: StageClient[EraseQuery, Erased]
    addresses: Mapping[str, str] = field(default_factory=dict)
    holders: Mapping[str, ReleaseHolder] = field(default_factory=dict)
    anew: Callable[[], Mapping[str, StageClient[Any, Any]]] = dict

    def lane(self) -> "Stages":
        """The same for one lane: what it asks of releases is in no batch with others' queries."""
        fresh: Mapping[str, Any] = self.anew()
        return replace(self, **fresh)
