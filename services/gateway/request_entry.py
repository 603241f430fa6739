"""What is logged of a served request."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from services.domain.candidates import Candidates
from services.domain.inline import NO_INLINE, InlineItems
from services.gateway.trace import Trace
from services.journal.request import Asked, Ranked, RequestEntry, Shown


def entry_of(trace: Trace, request_id: str, user: bytes, arms: Mapping[str, str]) -> RequestEntry:
    """The entry of a request that was answered; `user` is the pseudonym, `arms` it was in."""
    asked, context, release = trace.request, trace.context, trace.items.release
    return RequestEntry(
        request_id=request_id,
        release=release.id,
        channels=release.channels,
        asked=Asked(
            time=asked.request.now,
            user=user,
            placement=asked.request.placement,
            attributes=asked.request.attributes,
            k=asked.k,
            known=context.known,
            profile=context.profile,
            history=context.history,
        ),
        ranked=_ranked(trace),
        shown=_shown(trace),
        user_vector=trace.recalled.user_vector,
        degraded=tuple(stage for stage, _ in trace.degraded),
        arms=arms,
    )


def _ranked(trace: Trace) -> Ranked:
    candidates = trace.preranked.candidates
    ranked = Ranked(
        trace.items.keys(candidates.rows),
        candidates.channels,
        candidates.recall_scores,
        candidates.statistics,
        _inline(candidates),
    )
    if trace.rank is None:
        return ranked
    return replace(ranked, scores=trace.rank.blended, tasks=trace.rank.tasks)


def _shown(trace: Trace) -> Shown:
    slate, repeated = trace.slate, trace.repeated
    return Shown(
        trace.items.keys(slate.rows),
        slate.scores,
        np.array([row in repeated for row in slate.rows.tolist()], np.bool_),
        first=len(trace.request.earlier),
    )


def _inline(candidates: Candidates) -> InlineItems:
    """Those inline items that are among the candidates."""
    newer = candidates.rows < 0
    if not newer.any():
        return NO_INLINE
    at, inline = -1 - candidates.rows[newer], candidates.inline
    ids = tuple(inline.ids[i] for i in at.tolist())
    return InlineItems(ids, inline.vectors[at], inline.features[at])
