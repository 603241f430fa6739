"""Items in a file, one JSON object a line."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recstack.catalog_results import CatalogItem
from recstack.cli.failure import Failure

MAX_ITEMS = 1000  # in one call
MAX_BYTES = 1_000_000  # in one call, about

FIELDS: dict[str, type] = {
    "item_id": str,
    "title": str,
    "categories": list,
    "tags": list,
    "attributes": dict,
    "text": str,
    "expires_at": int,
}


def read(file: Path) -> list[CatalogItem]:
    """The items of a file; Failure names the line that is wrong."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    items = [_item(f"{file}, line {at}", line) for at, line in enumerate(lines, 1) if line.strip()]
    if not items:
        raise Failure(f"{file} has no items")
    return items


def parts(items: Sequence[CatalogItem]) -> Iterator[list[CatalogItem]]:
    """The items in parts that fit into one call each."""
    part: list[CatalogItem] = []
    size = 0
    for item in items:
        own = len(repr(item).encode())
        if part and (len(part) == MAX_ITEMS or size + own > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += own
    if part:
        yield part


def _item(where: str, line: str) -> CatalogItem:
    try:
        fields: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise Failure(f"{where}: not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Failure(f"{where}: not an object")
    for name, value in fields.items():
        if name not in FIELDS:
            raise Failure(f"{where}: unknown field {name!r}", f"known: {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[name]) or isinstance(value, bool) or not _texts(value):
            raise Failure(f"{where}: {name} must be {_form(name)}")
    if not fields.get("item_id"):
        raise Failure(f"{where}: no item_id")
    names = {name: tuple(fields.get(name, ())) for name in ("categories", "tags")}
    return CatalogItem(**{**fields, **names})


def _texts(value: object) -> bool:
    """Whether a list or the values of an object are strings all."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(isinstance(one, str) for one in inner)


def _form(name: str) -> str:
    forms = {str: "a string", int: "a whole number", list: "a list of strings"}
    return forms.get(FIELDS[name], "an object with strings as values")
