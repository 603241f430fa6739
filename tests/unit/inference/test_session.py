"""Sessions and golden tensors."""

from pathlib import Path

import numpy as np
import pytest

from models.schema.manifest import ReleaseError
from services.inference.golden import TOLERANCE, open_checked
from services.inference.session import OnnxModel
from tests.unit.inference.small_release import (
    GOLDEN,
    GRAPH,
    WEIGHTS,
    write_golden,
    write_graph,
)


def test_runs_a_graph_with_any_number_of_rows(tmp_path: Path) -> None:
    write_graph(tmp_path / GRAPH)
    model = OnnxModel(tmp_path / GRAPH)
    assert (model.inputs, model.outputs) == (("x",), ("y",))
    for rows in (0, 1, 7):
        x = np.ones((rows, 3), np.float32)
        np.testing.assert_allclose(model.run({"x": x})["y"], x @ WEIGHTS, rtol=1e-6)


def test_a_missing_or_broken_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"graph\.onnx is missing"):
        OnnxModel(tmp_path / GRAPH)
    (tmp_path / GRAPH).write_bytes(b"not a graph")
    with pytest.raises(ReleaseError, match=r"graph\.onnx is not a usable graph"):
        OnnxModel(tmp_path / GRAPH)


def test_golden_tensors_accept_what_another_cpu_may_give(tmp_path: Path) -> None:
    write_graph(tmp_path / GRAPH)
    write_golden(tmp_path / GOLDEN, offset=TOLERANCE / 2)
    assert open_checked(tmp_path, GRAPH, GOLDEN).outputs == ("y",)


def test_golden_tensors_refuse_another_result(tmp_path: Path) -> None:
    write_graph(tmp_path / GRAPH)
    write_golden(tmp_path / GOLDEN, offset=TOLERANCE * 2)
    with pytest.raises(ReleaseError, match=r"output y is off its golden values by 0.002"):
        open_checked(tmp_path, GRAPH, GOLDEN)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"in_x": np.ones((1, 3), np.float32)}, "holds no outputs"),
        ({"in_z": np.ones(1), "out_y": np.ones((1, 2))}, "does not run on golden.npz"),
        ({"in_x": np.ones((1, 3), np.float32), "out_z": np.ones(1)}, "output z: no such output"),
        ({"in_x": np.ones((1, 3), np.float32), "out_y": np.ones((2, 2))}, "shape"),
        (
            {"in_x": np.ones((1, 3), np.float32), "out_y": np.full((1, 2), np.nan)},
            "off its golden values",
        ),
    ],
)
def test_golden_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], message: str
) -> None:
    write_graph(tmp_path / GRAPH)
    np.savez(tmp_path / GOLDEN, **tensors)
    with pytest.raises(ReleaseError, match=message):
        open_checked(tmp_path, GRAPH, GOLDEN)


def test_a_golden_file_that_is_none_is_refused(tmp_path: Path) -> None:
    write_graph(tmp_path / GRAPH)
    for content in (b"", b"not an archive"):
        (tmp_path / GOLDEN).write_bytes(content)
        with pytest.raises(ReleaseError, match=r"golden\.npz is not readable"):
            open_checked(tmp_path, GRAPH, GOLDEN)
