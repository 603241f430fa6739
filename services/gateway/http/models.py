"""The JSON messages of lists and failures, for OpenAPI; names equal the proto fields.

Answers are not built from these: `encoding` builds them as plain data.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

_LIST: JsonDict = {
    "items": [
        {
            "item_id": "173",
            "title": "Princess Bride, The (1987)",
            "score": 0.56,
            "channels": ["two_tower", "popular"],
            "task_scores": {"interact": 0.93, "like": 0.61},
            "categories": ["Action", "Adventure", "Comedy", "Romance"],
            "repeated": False,
        }
    ],
    "request_id": "f1bb587be7f048db9062400e58bb6bd7",
    "release": "ml-100k-20261121-213059",
    "degraded": [{"stage": "rerank", "reason": "REASON_TIMEOUT"}],
    "cold_start": False,
    "next_page_token": "",
}


class RecommendedItem(BaseModel):
    """One item of a list."""

    item_id: str
    title: str = Field(description="Title of the catalog; empty when it has none.")
    score: float = Field(
        description="What it was ordered by before diversity and rules; comparable within a list."
    )
    channels: list[str] = Field(description="Channels that recalled it, such as two_tower.")
    task_scores: dict[str, float] = Field(
        description="Probability by task, such as like; empty when rank was skipped."
    )
    categories: list[str]
    repeated: bool = Field(
        description="The user was shown it before: there was nothing new left to show."
    )


class Degradation(BaseModel):
    """Something that was skipped."""

    stage: str = Field(
        description="feature_store, takedown, recall, recall.<channel>, prerank, rank, rerank or "
        "seen."
    )
    reason: str = Field(description="Why, such as REASON_TIMEOUT.")


class RecommendResponse(BaseModel):
    """A personal list, best first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LIST]})

    items: list[RecommendedItem]
    request_id: str = Field(description="Names this request in logs; send it with the events.")
    release: str = Field(description="Release that answered.")
    degraded: list[Degradation] = Field(description="What was skipped; empty: a full answer.")
    cold_start: bool = Field(description="True when nothing is known of the user.")
    next_page_token: str = Field(description="Token of the next page; empty: none.")


class SimilarItemsResponse(BaseModel):
    """Items like an item, closest first; score is the similarity."""

    items: list[RecommendedItem]
    request_id: str
    release: str


class TracedItem(BaseModel):
    """An item after a stage."""

    item_id: str
    title: str
    position: int = Field(description="From 1.")
    score: float


class StageTrace(BaseModel):
    """What one stage did."""

    stage: str
    received: int = Field(description="Items that came in.")
    kept: int = Field(description="Items that went on.")
    seconds: float
    reason: str = Field(description="REASON_OK, or why the stage was skipped.")
    dropped: dict[str, int] = Field(description="Dropped items by reason.")
    top: list[TracedItem] = Field(description="The best items after this stage, at most 20.")
    notes: list[str]


class ItemAtStage(BaseModel):
    """One item at one stage."""

    stage: str
    position: int = Field(description="From 1; 0: not there.")
    score: float
    notes: list[str]


class ItemTrace(BaseModel):
    """What became of one item."""

    item_id: str
    title: str
    lost_at: str = Field(description="Stage that dropped it; empty when it is in the list.")
    reason: str
    position: int = Field(description="Place in the final list, from 1; 0 when it is not there.")
    stages: list[ItemAtStage]


class ExplainResponse(BaseModel):
    """How a list came to be."""

    response: RecommendResponse
    stages: list[StageTrace]
    item: ItemTrace | None = Field(None, description="Only when an item was asked for.")


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """The release is loaded."""

    status: Literal["ready"]
    release: str = Field(description="Release that serves.")


class ErrorBody(BaseModel):
    """What went wrong."""

    status: str = Field(description="gRPC status name, such as INVALID_ARGUMENT.")
    field: str = Field(description="Field that is wrong; empty when none is.")
    message: str
    retry_after_ms: int | None = Field(
        None, ge=0, description="Milliseconds until there may be room; with status 429 alone."
    )


class ErrorResponse(BaseModel):
    """Every error has this form."""

    error: ErrorBody
