"""Changes to the rank graph of a release that make it worse; the inputs and the output stay.

Each takes and returns a model whose output `tasks` [N, T] is renamed and followed by nodes of its
own. The names of the inputs are those of RankEncoder.feed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.registry import GRAPHS

OUTPUT = GRAPHS["rank"].output
WIDTH = 64  # of the work that is done for nothing
FIRST = 8  # candidates that make the number
EXACT = 1e4  # digits of a sum of features that a residue is taken of

Change = Callable[["Nodes"], None]


class Nodes:
    """Nodes to append to a model, and the constants they read."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._inputs = {one.name: one.type.tensor_type.shape for one in model.graph.input}
        self._prefix = f"canary_{len(model.graph.node)}"
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    @property
    def given(self) -> str:
        """Name of what the model has computed until here."""
        return f"{self._prefix}_{OUTPUT}"

    def width(self, name: str) -> int:
        """Size of the last axis of an input."""
        return int(self._inputs[name].dim[-1].dim_value)

    def constant(self, value: Any, dtype: str) -> str:
        """Name of a constant."""
        name = f"{self._prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Name of a node's first output; TopK has a second, `<name>_1`."""
        output = output or f"{self._prefix}_{len(self.nodes)}"
        outputs = [output, f"{output}_1"] if kind == "TopK" else [output]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return output


def changed(model: onnx.ModelProto, change: Change) -> onnx.ModelProto:
    """The model with what `change` appends: it reads `given`, and writes OUTPUT."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    more = Nodes(model)
    for node in made.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == OUTPUT:
                    names[place] = more.given
    change(more)
    made.graph.node.extend(more.nodes)
    made.graph.initializer.extend(more.constants)
    onnx.checker.check_model(made)
    return made


def with_work(layers: int) -> Change:
    """Computes `layers` dense layers for each candidate; the result is counted 0 times.

    The weights are drawn and tanh bounds what comes of them, so that nothing can be folded.
    """

    def change(nodes: Nodes) -> None:
        generator = np.random.default_rng(1)
        value, width = "items", nodes.width("items")
        for _ in range(layers):
            weights = generator.normal(0, 0.2, (width, WIDTH))
            product = nodes.add("MatMul", [value, nodes.constant(weights, "float32")])
            value, width = nodes.add("Tanh", [product]), WIDTH
        mean = nodes.add("ReduceMean", [value, nodes.constant([1], "int64")], keepdims=1)
        nothing = nodes.add("Mul", [mean, nodes.constant(0.0, "float32")])
        nodes.add("Add", [nodes.given, nothing], OUTPUT)

    return change


def failing_at(residue: int, modulus: int) -> Change:
    """Fails when a number made of what recall says of a user's first candidates has the residue.

    Without candidates it does not. They change with every list, so that each request fails with
    probability 1 / modulus, whoever asks.
    """

    def change(nodes: Nodes) -> None:
        axis = nodes.constant([1], "int64")
        ends = (nodes.constant([0], "int64"), nodes.constant([FIRST], "int64"))
        first = nodes.add("Slice", ["slots", *ends, axis])  # [B, FIRST], or what there is
        features = nodes.add("Gather", ["recall", first])  # [B, FIRST, R]
        axes = nodes.constant([1, 2], "int64")
        total = nodes.add("ReduceSum", [nodes.add("Abs", [features]), axes], keepdims=0)
        digits = nodes.add("Mul", [total, nodes.constant(EXACT, "float32")])
        whole = nodes.add("Cast", [digits], to=onnx.TensorProto.INT64)
        left = nodes.add("Mod", [whole, nodes.constant(modulus, "int64")])
        hit = nodes.add("Equal", [left, nodes.constant(residue, "int64")])
        index = nodes.add("Cast", [hit], to=onnx.TensorProto.INT64)
        one = nodes.add("Gather", [nodes.constant([1.0], "float32"), index])  # 1 is out of range
        each = nodes.add("Unsqueeze", [nodes.add("Gather", [one, "user_of"]), axis])
        nodes.add("Mul", [nodes.given, each], OUTPUT)

    return change


def shuffled_by(seed: int) -> Change:
    """Gives the scores of a user's candidates to others of them, pseudo-randomly by item.

    Whoever is sorted first by a hash of the item's row gets the scores of the first candidate, and
    so on: the scores of a list are the same, their order means nothing.
    """

    def change(nodes: Nodes) -> None:
        directions = np.random.default_rng(seed).normal(0, 1e3, (nodes.width("items"), 1))
        scaled = nodes.add("MatMul", ["items", nodes.constant(directions, "float32")])  # [N, 1]
        hashed = nodes.add("Sub", [scaled, nodes.add("Floor", [scaled])])
        flat = nodes.add("Squeeze", [hashed, nodes.constant([1], "int64")])
        owner = nodes.add("Cast", ["user_of"], to=onnx.TensorProto.FLOAT)
        key = nodes.add("Add", [flat, nodes.add("Mul", [owner, nodes.constant(2.0, "float32")])])
        count = nodes.add("Shape", [key])
        sort = nodes.add("TopK", [key, count], axis=0, largest=0, sorted=1)
        nodes.add("Gather", [nodes.given, f"{sort}_1"], OUTPUT)

    return change
