"""Query parameters of the JSON API; limits are checked where gRPC's are."""

from pydantic import BaseModel, ConfigDict, Field

from services.chassis.errors import InvalidArgumentError
from services.gateway.requests import RecommendInput


class ListQuery(BaseModel):
    """What a personal list is asked with."""

    model_config = ConfigDict(extra="forbid")

    k: int | None = Field(None, description="Length of the list, 1 to 100; not set: 20.")
    placement: str = Field("", description='Where the list is shown, such as "home".')
    context: list[str] = Field(
        default_factory=list, description="Circumstances as name:value, such as device:phone."
    )
    category: list[str] = Field(
        default_factory=list, description="Only items in at least one of these categories."
    )
    tag: list[str] = Field(default_factory=list, description="Only items with all of these tags.")
    exclude: list[str] = Field(
        default_factory=list, description="Item ids that must not be in the list; at most 1000."
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


class SimilarQuery(BaseModel):
    """What similar items are asked with."""

    model_config = ConfigDict(extra="forbid")

    k: int | None = Field(None, description="Length of the list, 1 to 100; not set: 20.")


def _pair(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidArgumentError("context", f"must be name:value, not {text[:64]!r}")
    return name, value
