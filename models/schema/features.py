"""The feature schema: which attributes a release reads, and how each becomes a number."""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from models.schema import layout
from services.domain.arrays import F32, I64

UNKNOWN = 0  # the index of a value that is missing or was never seen
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Field:
    """One attribute: by vocabulary, or by bins when it has edges.

    Attributes:
        name: name of the attribute.
        values: known values; value i has index i + 1.
        edges: ascending bin edges; a number x has index 1 + (number of edges <= x).
    """

    name: str
    values: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Number of indices, the unknown one included."""
        return 2 + len(self.edges) if self.edges else 1 + len(self.values)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {value: i + 1 for i, value in enumerate(self.values)}

    def encode(self, value: str | None) -> int:
        """The index of a value; UNKNOWN when it is missing, new or not a number."""
        if value is None:
            return UNKNOWN
        if not self.edges:
            return self._index.get(value, UNKNOWN)
        try:
            number = float(value)
        except ValueError:
            return UNKNOWN
        return UNKNOWN if number != number else 1 + bisect_right(self.edges, number)


@dataclass(frozen=True)
class FeatureSchema:
    """What a release knows of users, items and requests; the same in training and serving.

    Attributes:
        user, item, context: fields of profiles, of items and of request attributes.
        categories: names of the item categories; a category's code is its position.
        tags: names of the item tags that requests may filter by; coded in the same way.
        text_size: columns that the words of an item's title and text are hashed into.
    """

    user: tuple[Field, ...] = ()
    item: tuple[Field, ...] = ()
    context: tuple[Field, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    text_size: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of the schema's JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def content_size(self) -> int:
        """Length of an item's content features."""
        fields = sum(field.size for field in self.item)
        return len(self.categories) + fields + self.text_size

    def encode_profiles(self, profiles: Sequence[Mapping[str, str]]) -> I64:
        """Indices of the user fields, int64 [B, F]; profiles may lack any attribute."""
        return _encode(self.user, profiles)

    def encode_contexts(self, attributes: Sequence[Mapping[str, str]]) -> I64:
        """Indices of the context fields, int64 [B, Fc]."""
        return _encode(self.context, attributes)

    def content_features(
        self, categories: Sequence[str], attributes: Mapping[str, str], text: str = ""
    ) -> F32:
        """Content of an item, float32 [content_size].

        Columns: categories of unit length, fields one-hot, words of the text of unit length.

        Args:
            text: the title, a space, and the item's text.
        """
        features = np.zeros(self.content_size, np.float32)
        known = [self._category_code[name] for name in categories if name in self._category_code]
        if known:
            features[known] = len(known) ** -0.5
        at = len(self.categories)
        for field in self.item:
            features[at + field.encode(attributes.get(field.name))] = 1.0
            at += field.size
        features[at:] = hashed_words(text, self.text_size)
        return features

    @cached_property
    def _category_code(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.categories)}

    def to_json(self) -> str:
        """Canonical JSON: the same schema is the same text."""
        return json.dumps(asdict(self), sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "FeatureSchema":
        """The inverse of to_json; ValueError, KeyError or TypeError when it is not a schema."""
        raw: dict[str, Any] = json.loads(text)
        return FeatureSchema(
            user=_fields(raw["user"]),
            item=_fields(raw["item"]),
            context=_fields(raw["context"]),
            categories=tuple(raw["categories"]),
            tags=tuple(raw["tags"]),
            text_size=int(raw["text_size"]),
        )

    @staticmethod
    def read(folder: Path) -> "FeatureSchema":
        """The schema of the release in `folder`."""
        return FeatureSchema.from_json((folder / layout.SCHEMA).read_text(encoding="utf-8"))

    def write(self, folder: Path) -> None:
        """Writes the schema into a release folder."""
        (folder / layout.SCHEMA).write_text(self.to_json(), encoding="utf-8")


def hashed_words(text: str, size: int) -> F32:
    """A text as counts of its words in `size` columns, float32 [size], of unit length or zero.

    A word's hash chooses its column and its sign, so that words that meet in a column cancel out on
    average (Weinberger et al. 2009). Case and punctuation do not count.
    """
    found = np.zeros(size, np.float32)
    if not size:
        return found
    for word in _WORD.findall(text.lower()):
        number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        found[(number >> 1) % size] += 1.0 if number & 1 else -1.0
    length = float(np.linalg.norm(found))
    return found / np.float32(length) if length else found


def _fields(raw: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    return tuple(Field(f["name"], tuple(f["values"]), tuple(f["edges"])) for f in raw)


def _encode(fields: Sequence[Field], rows: Sequence[Mapping[str, str]]) -> I64:
    indices = [field.encode(row.get(field.name)) for row in rows for field in fields]
    return np.array(indices, np.int64).reshape(len(rows), len(fields))
