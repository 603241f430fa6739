"""Golden tensors: inputs a graph was run on when its release was made, and what it gave."""

from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from models.schema.manifest import ReleaseError
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
    try:
        with np.load(folder / golden, allow_pickle=False) as stored:
            tensors = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise ReleaseError(f"{golden} is not readable: {error}") from error
    expected = {n.removeprefix(_OUTPUT): v for n, v in tensors.items() if n.startswith(_OUTPUT)}
    if not expected:
        raise ReleaseError(f"{golden} holds no outputs")
    try:
        actual = model.run(
            {n.removeprefix(_INPUT): v for n, v in tensors.items() if n.startswith(_INPUT)}
        )
    except Exception as error:  # the runtime's errors have no root of their own
        raise ReleaseError(f"{graph} does not run on {golden}: {error}") from error
    for name, value in expected.items():
        _compare(graph, name, actual.get(name), value)
    return model


def _compare(graph: str, name: str, actual: Array | None, expected: Array) -> None:
    if actual is None or actual.shape != expected.shape:
        shape = "no such output" if actual is None else f"shape {actual.shape}"
        raise ReleaseError(f"{graph}: output {name}: {shape}, {expected.shape} expected")
    if not np.allclose(actual, expected, rtol=0, atol=TOLERANCE):  # False for NaN too
        worst = float(np.max(np.abs(actual - expected)))
        raise ReleaseError(f"{graph}: output {name} is off its golden values by {worst:.3g}")
