"""The JSON messages on users, for OpenAPI and for reading bodies; names equal the proto fields."""

from pydantic import BaseModel, ConfigDict, Field


class UserBody(BaseModel):
    """A user's profile, instead of the one there was."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"profile": {"age": "24"}, "preferences": ["Comedy", "Drama"]}]
        },
    )

    profile: dict[str, str] = Field(
        default_factory=dict,
        description="Attribute name to value, as in the training data; at most 63, names at most "
        "64 bytes, values at most 1024.",
    )
    preferences: list[str] = Field(
        default_factory=list,
        description="Categories the user chose at the start, best first; at most 32, each 1 to 64 "
        "bytes.",
    )


class Stored(BaseModel):
    """It is stored: requests that start now have it."""

    stored: int = Field(description="Always 1.")


class Erased(BaseModel):
    """The user is forgotten."""

    erased: int = Field(description="Always 1.")


class User(BaseModel):
    """Profile and preferences."""

    user_id: str
    profile: dict[str, str]
    preferences: list[str]


class ExportedItem(BaseModel):
    """An item in user state."""

    key: str = Field(description="BLAKE2b-64 of the item's id, a decimal number.")
    item_id: str = Field(description="Empty when neither release nor item table has it.")


class ExportedEvent(BaseModel):
    """One stored event."""

    item: ExportedItem
    type: str = Field(description="Such as EVENT_TYPE_CLICK.")
    time: int = Field(description="Unix seconds.")
    value: float = Field(description="Dwell seconds or a strength such as a rating; 0: none.")


class UserExport(BaseModel):
    """Everything that is stored of a user."""

    user: User
    events: list[ExportedEvent] = Field(description="Newest first.")
    shown: list[ExportedItem] = Field(description="Items last shown, newest first.")
    seen_count: int = Field(
        description="Approximate number of all items seen; which they were is not stored."
    )
