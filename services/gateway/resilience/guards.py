"""The stages of one gateway, each behind its own guard."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

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
from services.gateway.resilience.breaker import Breaker, BreakerSettings
from services.gateway.resilience.budget import Clock
from services.gateway.resilience.guard import Guard
from services.gateway.stages import Stages
from services.gateway.stats import Stats

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Guards:
    """One guard a call; a breaker of its own each: a store that cannot write may still read."""

    contexts: Guard[ContextQuery, UserContext]
    recall: Guard[RecallQuery, Recalled]
    similar: Guard[SimilarQuery, Similar]
    prerank: Guard[PrerankQuery, Scores]
    rank: Guard[RankQuery, Scores]
    rerank: Guard[RerankQuery, Reranked]
    marks: Guard[MarkShownQuery, Marked]
    events: Guard[AppendEventsQuery, Appended]
    profiles: Guard[ProfileQuery, Stored]
    erasures: Guard[EraseQuery, Erased]

    @property
    def of_releases(self) -> "tuple[Guard[Any, Any], ...]":
        """Those of the stages that answer from releases."""
        return self.recall, self.similar, self.prerank, self.rank, self.rerank

    @property
    def all(self) -> "tuple[Guard[Any, Any], ...]":
        """Every guard, in the order above."""
        return (
            self.contexts,
            self.recall,
            self.similar,
            self.prerank,
            self.rank,
            self.rerank,
            self.marks,
            self.events,
            self.profiles,
            self.erasures,
        )


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """What guards stand on.

    Attributes:
        breaker: when breakers trip.
        stats: have a series for each guard, of its name; None: nobody counts.
        clock: the time now.
        told: what log lines say beside the stage.
    """

    breaker: BreakerSettings
    stats: Stats | None
    clock: Clock
    told: Mapping[str, str] = field(default_factory=dict)


def guarded(stages: Stages, config: GuardConfig) -> Guards:
    """Guards around the stages."""

    def guard(name: str, client: StageClient[Q, R]) -> Guard[Q, R]:
        meter = config.stats.meter(name) if config.stats is not None else None
        return Guard(name, client, Breaker(config.breaker, config.clock), meter, config.told)

    return Guards(
        contexts=guard("feature_store", stages.contexts),
        recall=guard("recall", stages.recall),
        similar=guard("similar", stages.similar),
        prerank=guard("prerank", stages.prerank),
        rank=guard("rank", stages.rank),
        rerank=guard("rerank", stages.rerank),
        marks=guard("seen", stages.marks),
        events=guard("events", stages.events),
        profiles=guard("profiles", stages.profiles),
        erasures=guard("erasures", stages.erasures),
    )


def lane_guards(stages: Stages, config: GuardConfig, shared: Guards) -> Guards:
    """New guards around what answers from releases; those of the feature store are the shared."""
    return replace(
        guarded(stages, config),
        contexts=shared.contexts,
        marks=shared.marks,
        events=shared.events,
        profiles=shared.profiles,
        erasures=shared.erasures,
    )
