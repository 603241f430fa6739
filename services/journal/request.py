"""One served request, as it is logged: what the stages saw, what they said, what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import F32, U32, U64, Bools
from services.domain.context import History
from services.domain.inline import NO_INLINE, InlineItems


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, and what was known of the user.

    Attributes:
        time: unix seconds, the stages' clock.
        user: pseudonym, 16 bytes.
        placement, attributes: as the client gave them.
        k: length of the list that was asked for.
        known: False for a user without profile and history.
        profile: attribute name → value.
        history: newest first, as the stages saw it.
    """

    time: int
    user: bytes
    placement: str
    attributes: Mapping[str, str]
    k: int
    known: bool
    profile: Mapping[str, str]
    history: History


@dataclass(frozen=True, slots=True)
class Ranked:
    """What went into rank, in that order, and what came out; n candidates.

    Attributes:
        keys: item keys, uint64 [n].
        channels: bit c is set when channel c recalled the item, uint32 [n].
        recall_scores: float32 [n, C].
        statistics: float32 [n, S]; [0, 0] stands for zeros.
        inline: those of the candidates that the release does not have.
        scores: blended score, float32 [n]; [0] when rank was skipped.
        tasks: probability by task, float32 [n, T]; [0, 0] when rank was skipped.
    """

    keys: U64
    channels: U32
    recall_scores: F32
    statistics: F32 = field(default_factory=lambda: np.empty((0, 0), np.float32))
    inline: InlineItems = NO_INLINE
    scores: F32 = field(default_factory=lambda: np.empty(0, np.float32))
    tasks: F32 = field(default_factory=lambda: np.empty((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class Shown:
    """The list that was answered, best first; all arrays have shape [m].

    Attributes:
        keys: item keys; a pinned item need not be among the candidates.
        scores: float32.
        repeated: whether the user had been shown the item before, as the answer said.
        first: position of the first of them: how many were on the pages before.
    """

    keys: U64
    scores: F32
    repeated: Bools
    first: int = 0


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """One served request.

    Attributes:
        request_id: as in the answer.
        release: that answered.
        channels: names of its recall channels, in the order of bits and columns.
        arms: experiment → arm the user was in.
        degraded: stages that were skipped, such as "rank" or "recall.two_tower".
        user_vector: of recall, float32 [d]; [0] when there was none.
    """

    request_id: str
    release: str
    channels: tuple[str, ...]
    asked: Asked
    ranked: Ranked
    shown: Shown
    user_vector: F32
    degraded: tuple[str, ...] = ()
    arms: Mapping[str, str] = field(default_factory=dict)
