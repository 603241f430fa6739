"""Query parameters of the JSON API; limits are checked where gRPC's are."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.chassis.errors import InvalidArgumentError
from services.gateway.requests import RecommendInput


def _whole(text: object) -> object:
    """Not 20.0 or 2_0, which pydantic would take."""
    if isinstance(text, str) and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise PydanticCustomError("int_parsing", "must be a whole number")
    return text


class SimilarQuery(BaseModel):
    """What similar items are asked with."""

    model_config = ConfigDict(extra="forbid")

    k: Annotated[int | None, BeforeValidator(_whole)] = Field(
        None,
        description="Length of the list, 1 to 100; not set: 20.",
        json_schema_extra={"minimum": 1, "maximum": 100},
        examples=[20],
    )


class ListQuery(SimilarQuery):
    """What a personal list is asked with."""

    placement: str = Field("", description='Where the list is shown, such as "home".')
    context: list[str] = Field(
        default_factory=list,
        description="Circumstances as name:value, such as device:phone.",
        json_schema_extra={"maxItems": 32, "items": {"type": "string", "pattern": ":"}},
    )
    category: list[str] = Field(
        default_factory=list,
        description="Only items in at least one of these categories.",
        json_schema_extra={"maxItems": 32},
    )
    tag: list[str] = Field(
        default_factory=list,
        description="Only items with all of these tags.",
        json_schema_extra={"maxItems": 32},
    )
    exclude: list[str] = Field(
        default_factory=list,
        description="Item ids that must not be in the list; at most 1000.",
        json_schema_extra={"maxItems": 1000},
    )
    page_token: str = Field(
        "", description="next_page_token of the page before; the rest as there, k may differ."
    )

    def given(self, user_id: str = "", session_id: str = "") -> RecommendInput:
        """The request as it came.

        Raises:
            InvalidArgumentError: a context is not name:value.
        """
        return RecommendInput(
            user_id=user_id,
            session_id=session_id,
            k=self.k,
            page_token=self.page_token,
            placement=self.placement,
            context=dict(_pair(text) for text in self.context),
            categories=self.category,
            tags=self.tag,
            exclude_item_ids=self.exclude,
        )


class ExplainQuery(ListQuery):
    """What an explanation is asked with."""

    item: str = Field("", description="Item to look for; empty: none.")


def _pair(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidArgumentError("context", f"must be name:value, not {text[:64]!r}")
    return name, value
