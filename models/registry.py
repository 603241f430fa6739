"""The graphs of a release: one literal table."""

from dataclasses import dataclass

from models.schema import layout


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX graph of a release: where it lies, its golden tensors, its one output."""

    path: str
    golden: str
    output: str


GRAPHS = {
    "user_tower": Graph(layout.USER_TOWER, layout.GOLDEN_USER_TOWER, "user"),
    "content_tower": Graph(layout.CONTENT_TOWER, layout.GOLDEN_CONTENT_TOWER, "item"),
    "prerank": Graph(layout.PRERANK, layout.GOLDEN_PRERANK, "score"),
    "rank_tower": Graph(layout.RANK_TOWER, layout.GOLDEN_RANK_TOWER, "item"),
    "rank": Graph(layout.RANK, layout.GOLDEN_RANK, "tasks"),
}
