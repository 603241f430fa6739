"""A content tower that can be checked by hand: it gives the features, normalised."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from models.schema.features import FeatureSchema, Field
from services.inference.session import OnnxModel
from services.recall.content_tower import ContentTower
from tests.unit.recall.items import CATEGORIES, TAGS

SCHEMA = FeatureSchema(
    item=(Field("colour", ("red", "blue")),), categories=CATEGORIES, tags=TAGS, text_size=8
)


def write_tower(folder: Path) -> ContentTower:
    """The tower in `folder`, for items of SCHEMA."""
    size = SCHEMA.content_size
    (feature, item) = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["m", size])
        for name in ("features", "item")
    )
    node = helper.make_node("LpNormalization", ["features"], ["item"], axis=1, p=2)
    graph = helper.make_graph([node], "tower", [feature], [item])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "tower.onnx")
    return ContentTower(SCHEMA, OnnxModel(folder / "tower.onnx"))
