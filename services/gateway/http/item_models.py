"""The JSON messages on items, for OpenAPI and for reading bodies; names equal the proto fields."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

_ITEM: JsonDict = {"title": "Alien (1979)", "categories": ["Horror", "Sci-Fi"], "tags": ["classic"]}


class ItemBody(BaseModel):
    """What is known of an item, instead of what was put before."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ITEM]})

    title: str = Field("", description="For people; empty: the id; at most 1024 bytes.")
    categories: list[str] = Field(
        default_factory=list,
        description="At most 32, each 1 to 64 bytes.",
        json_schema_extra={"maxItems": 32},
    )
    tags: list[str] = Field(
        default_factory=list,
        description="At most 32, each 1 to 64 bytes.",
        json_schema_extra={"maxItems": 32},
    )
    attributes: dict[str, str] = Field(
        default_factory=dict,
        description="Attribute name to value, as in the training data; at most 64, names at most "
        "64 bytes, values at most 1024.",
    )
    text: str = Field("", description="A description, read as words; at most 8192 bytes.")
    expires_at: int = Field(
        0, strict=True, description="When it leaves every answer, unix seconds; 0: never."
    )


class Expiry(BaseModel):
    """When the item leaves every answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"expires_at": 1798761600}]}
    )

    expires_at: int = Field(strict=True, description="Unix seconds; 0: never.")


class Stored(BaseModel):
    """It is stored."""

    stored: int = Field(description="Always 1.")


class Changed(BaseModel):
    """It holds for every request that starts now."""

    changed: int = Field(description="Always 1.")


class Item(ItemBody):
    """An item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_id": "183", **_ITEM}]})

    item_id: str


class ItemInfo(BaseModel):
    """What is known of an item."""

    item: Item = Field(description="As it was put, or else as the release has it.")
    state: str = Field(description="Whether it may be in an answer, such as ITEM_STATE_HIDDEN.")
    in_release: bool = Field(description="Whether the release that serves was trained with it.")
    put_at: int = Field(description="When it was last put, unix seconds; 0: never.")
