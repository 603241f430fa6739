"""What the ranker learns from: lists, the users they are for, and the items in them."""

from dataclasses import dataclass

from models.schema.history import EncodedHistory
from models.training.rows import Labelled
from services.domain.arrays import F32, I64, Bools


@dataclass(frozen=True)
class Encoded:
    """The user side of queries, encoded once: by query."""

    history: EncodedHistory
    fields: I64
    vectors: F32
    liked: Bools


@dataclass(frozen=True)
class Lessons:
    """Lists with their answers, and the users they are for."""

    labelled: Labelled
    encoded: Encoded


@dataclass(frozen=True)
class Items:
    """The items of the recall whose lists are ranked: float32 [n, d], [n, k], [n, d] and [n, s]."""

    table: F32
    spectral: F32
    vectors: F32
    statics: F32
