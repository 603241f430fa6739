"""What stages are asked and what they answer. A query's `remaining` is its time left, seconds."""

from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import F32, I32, U32
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.inline import NO_INLINE, InlineItems
from services.domain.outcome import Failure


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """recall: up to `limit` candidates the user has not seen; answered with Recalled.

    Attributes:
        at_least: where fewer are left, items that were shown before fill up to as many, those
            shown longest ago first; what the user dismissed is never among them.
    """

    release: str
    context: UserContext
    request: RequestContext
    limit: int
    remaining: float
    explain: bool = False
    at_least: int = 0


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What a channel did for one query: `failure` tells why it was skipped."""

    channel: str
    fetched: int
    kept: int
    seconds: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Items a stage took out, and why; only filled for `explain` queries.

    Attributes:
        rows: int32 [m].
        channels: bitmask of the channels that had recalled them, uint32 [m].
        reason: such as "seen", "excluded", "quota".
    """

    rows: I32
    channels: U32
    reason: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """Merged candidates in merge order, and the user's vector for the stages after.

    The last `repeats` candidates were shown to the user before.
    """

    candidates: Candidates
    user_vector: F32
    reports: tuple[ChannelReport, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class SimilarQuery:
    """recall: items like this one, best first; answered with Similar."""

    release: str
    key: int
    limit: int
    remaining: float


@dataclass(frozen=True, slots=True)
class Similar:
    """rows int32 [n], scores float32 [n], best first; row -1-i is the i-th inline item."""

    rows: I32
    scores: F32
    inline: InlineItems = NO_INLINE


@dataclass(frozen=True, slots=True)
class PrerankQuery:
    """prerank: a score for each candidate; answered with Scores."""

    release: str
    context: UserContext
    request: RequestContext
    candidates: Candidates
    user_vector: F32
    remaining: float


@dataclass(frozen=True, slots=True)
class RankQuery:
    """rank: scores by task and one blended score for each candidate; answered with Scores.

    `user_vector`: as recall computed it; empty when it did not.
    """

    release: str
    context: UserContext
    request: RequestContext
    candidates: Candidates
    remaining: float
    user_vector: F32


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores in the order of the candidates.

    Attributes:
        blended: the score to order by, float32 [n].
        tasks: probability by task, float32 [n, T]; T = 0 for prerank.
    """

    blended: F32
    tasks: F32 = field(default_factory=lambda: np.empty((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class RerankQuery:
    """rerank: the final list of `k` from candidates with scores; answered with Reranked.

    `inline`: the items that negative rows mean.
    """

    release: str
    request: RequestContext
    rows: I32
    scores: F32
    k: int
    remaining: float
    explain: bool = False
    inline: InlineItems = NO_INLINE


@dataclass(frozen=True, slots=True)
class RuleNote:
    """What a rule did to an item: "removed", "moved", "boosted" or "pinned"."""

    row: int
    rule: str
    effect: str


@dataclass(frozen=True, slots=True)
class Slate:
    """A list in the making, best first: rows int32 [n] and the scores they came with [n]."""

    rows: I32
    scores: F32


@dataclass(frozen=True, slots=True)
class Reranked:
    """The final list, at most k; a pinned item may be one the query did not have."""

    slate: Slate
    notes: tuple[RuleNote, ...] = ()
