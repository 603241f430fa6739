"""ONNX Runtime sessions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.schema.manifest import ReleaseError
from services.inference.background import give_way

Tensors = Mapping[str, npt.NDArray[Any]]


class GraphError(Exception):
    """A graph that did not run on what it was given."""


class OnnxModel:
    """A graph that runs on the caller's thread alone.

    A second thread, or one that spins while it waits, doubles the CPU of a request; services scale
    by processes. Runs may overlap.
    """

    def __init__(self, path: Path) -> None:
        """Loads and optimises the graph.

        Raises:
            ReleaseError: when the file is missing or not a graph this runtime can run.
        """
        if not path.is_file():
            raise ReleaseError(f"{path} is missing")
        give_way()
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's errors have no root of their own
            raise ReleaseError(f"{path} is not a usable graph: {error}") from error
        give_way()
        self.path = path
        self.inputs = tuple(node.name for node in self._session.get_inputs())
        self.outputs = tuple(node.name for node in self._session.get_outputs())

    def run(self, feed: Tensors) -> dict[str, npt.NDArray[Any]]:
        """All outputs by name; `feed` holds an array for each input.

        Raises:
            GraphError: it does not run on them.
        """
        try:
            values = self._session.run(None, dict(feed))
        except Exception as error:  # the runtime's errors have no root of their own
            raise GraphError(f"{self.path.name}: {error}") from error
        return {name: np.asarray(value) for name, value in zip(self.outputs, values, strict=True)}


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: they are raised as well
    return options
