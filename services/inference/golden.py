"""Golden tensors: inputs a graph was run on when its release was made, and what it gave."""

from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from models.schema.manifest import ReleaseError
from services.inference.background import give_way
from services.inference.session import OnnxModel

TOLERANCE = 1e-3  # wide enough for another CPU's instructions, far below what changes an order
Array: TypeAlias = npt.NDArray[Any]
_INPUT, _OUTPUT = "in_", "out_"


def open_checked(folder: Path, graph: str, golden: str) -> OnnxModel:
    """Opens a graph of the release in `folder` and runs its golden tensors.

    Raises:
        ReleaseError: when the graph cannot run, or gives something else than it gave in training.
    """
    model = OnnxModel(folder / graph)
    for name, off in _deviations(model, graph, folder / golden).items():
        if not off <= TOLERANCE:  # NaN is not
            raise ReleaseError(f"{graph}: output {name} is off its golden values by {off:.3g}")
    return model


def deviation(folder: Path, graph: str, golden: str) -> float:
    """How far, at most, the outputs of a graph are off its golden tensors.

    Raises:
        ReleaseError: when the graph cannot run, or has other outputs.
    """
    return max(_deviations(OnnxModel(folder / graph), graph, folder / golden).values())


def _deviations(model: OnnxModel, graph: str, golden: Path) -> dict[str, float]:
    """The largest absolute difference by output."""
    try:
        with np.load(golden, allow_pickle=False) as stored:
            tensors = {name: _read(stored, name) for name in stored.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise ReleaseError(f"{golden.name} is not readable: {error}") from error
    expected = {n.removeprefix(_OUTPUT): v for n, v in tensors.items() if n.startswith(_OUTPUT)}
    if not expected:
        raise ReleaseError(f"{golden.name} holds no outputs")
    try:
        actual = model.run(
            {n.removeprefix(_INPUT): v for n, v in tensors.items() if n.startswith(_INPUT)}
        )
    except Exception as error:  # the runtime's errors have no root of their own
        raise ReleaseError(f"{graph} does not run on {golden.name}: {error}") from error
    return {name: _off(graph, name, actual.get(name), value) for name, value in expected.items()}


def _read(stored: Any, name: str) -> Array:
    give_way()
    return np.asarray(stored[name])


def _off(graph: str, name: str, actual: Array | None, expected: Array) -> float:
    if actual is None or actual.shape != expected.shape:
        shape = "no such output" if actual is None else f"shape {actual.shape}"
        raise ReleaseError(f"{graph}: output {name}: {shape}, {expected.shape} expected")
    return float(np.max(np.abs(actual - expected), initial=0.0))
