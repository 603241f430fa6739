"""The public answer, made of a trace: the same for gRPC and HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.domain.arrays import F32, I32
from services.domain.outcome import Failure
from services.gateway.item_view import ItemView
from services.gateway.release import GatewayRelease, ItemText
from services.gateway.trace import Trace


class AnsweredItem(NamedTuple):
    """One item of a list; `channels` and `task_scores` are empty where there are none.

    `repeated`: the user was shown it before.
    """

    text: ItemText
    score: float
    channels: tuple[str, ...] = ()
    task_scores: Mapping[str, float] | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A list, best first."""

    items: list[AnsweredItem]
    request_id: str
    release: str
    degraded: tuple[tuple[str, Failure], ...] = ()
    cold_start: bool = False
    next_page_token: str = ""


def answer(trace: Trace, release: GatewayRelease, request_id: str) -> Answer:
    """The answer to a request that went through the funnel."""
    return Answer(
        _items(trace, release),
        request_id,
        release.id,
        trace.degraded,
        cold_start=not trace.context.known,
    )


def similar_answer(rows: I32, scores: F32, items: ItemView, request_id: str) -> Answer:
    """The answer of SimilarItems."""
    listed = [
        AnsweredItem(items.text(row), score)
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]
    return Answer(listed, request_id, items.release.id)


def _items(trace: Trace, release: GatewayRelease) -> list[AnsweredItem]:
    rows, scores = trace.slate.rows.tolist(), trace.slate.scores.tolist()
    ranked = trace.ranked
    position = dict(
        zip(ranked.candidates.rows.tolist(), range(len(ranked.candidates)), strict=True)
    )
    found = [row for row in rows if row in position]  # a pin need not have been a candidate
    at = [position[row] for row in found]
    masks = ranked.candidates.channels[at].tolist() if at else []
    channels = dict(zip(found, map(release.channel_names, masks), strict=True))
    tasks: dict[int, dict[str, float]] = {}
    if ranked.tasks is not None and at:
        names = release.tasks
        by_item = ranked.tasks[at].tolist()
        tasks = {
            row: dict(zip(names, p, strict=True)) for row, p in zip(found, by_item, strict=True)
        }
    text, repeated = trace.items.text, trace.repeated
    return [
        AnsweredItem(text(row), score, channels.get(row, ()), tasks.get(row), row in repeated)
        for row, score in zip(rows, scores, strict=True)
    ]
