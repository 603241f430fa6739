"""The stages the funnel asks, wherever they run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
