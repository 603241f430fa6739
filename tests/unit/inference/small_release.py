"""A release of one graph: small, and as real as any."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.schema.features import FeatureSchema, Field
from models.schema.manifest import Manifest, hash_files

GRAPH = "graph.onnx"
GOLDEN = "golden.npz"
WEIGHTS = np.arange(6, dtype=np.float32).reshape(3, 2) / 10


def write_graph(path: Path) -> None:
    """`y` = `x` @ WEIGHTS, with any number of rows."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))


def write_golden(path: Path, offset: float = 0.0) -> None:
    """Golden tensors of the graph; `offset` makes them wrong."""
    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    np.savez(path, in_x=x, out_y=x @ WEIGHTS + np.float32(offset))


def write_manifest(folder: Path, release: str, schema_hash: str) -> None:
    """The manifest of the files that are there."""
    Manifest(
        id=release,
        created="2026-01-01T00:00:00Z",
        code_version="0",
        schema_hash=schema_hash,
        data_fingerprint="",
        data_name="",
        channels=(),
        tasks=(),
        metrics={},
        metrics_protocol="",
        files=hash_files(folder),
    ).write(folder)


def write_release(releases: Path, release: str, offset: float = 0.0) -> Path:
    """A whole release folder under `releases`."""
    folder = releases / release
    folder.mkdir(parents=True)
    schema = FeatureSchema(user=(Field("age", edges=(18.0, 30.0)),))
    schema.write(folder)
    write_graph(folder / GRAPH)
    write_golden(folder / GOLDEN, offset)
    write_manifest(folder, release, schema.hash)
    return folder
