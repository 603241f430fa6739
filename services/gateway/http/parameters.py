"""Ids in paths. OpenAPI states their limits; they are checked where gRPC's are."""

from typing import Annotated, Any

from fastapi import Path


def _id(description: str, example: str, limit: int) -> Any:
    length = {"minLength": 1, "maxLength": limit}  # characters; of UTF-8 it is as many bytes
    return Path(description=description, examples=[example], json_schema_extra=length)


UserId = Annotated[str, _id("User id, 1 to 256 bytes.", "196", 256)]
SessionId = Annotated[str, _id("Session id of an anonymous visitor, 1 to 240 bytes.", "s1", 240)]
ItemId = Annotated[str, _id("Item id, 1 to 256 bytes.", "242", 256)]
UserKey = Annotated[str, _id('User id, 1 to 256 bytes; "session:<id>" for a session.', "196", 256)]
