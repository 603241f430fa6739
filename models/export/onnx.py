"""Torch modules to ONNX files, each checked against torch before it may be released."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from models.export import ExportError
from models.schema.user_tower import Feed
from services.domain.arrays import F32

OPSET = 18
TOLERANCE = 1e-4  # absolute; float32 products summed in another order

# Dynamic axes by input: B users, L events, N candidates, M places of the widest list.
DYNAMIC = {
    "history": {0: "B", 1: "L"},
    "mask": {0: "B", 1: "L"},
    "events": {0: "B", 1: "L"},
    "gaps": {0: "B", 1: "L"},
    "fields": {0: "B"},
    "user": {0: "B"},
    "user_of": {0: "N"},
    "features": {0: "N"},
    "vectors": {0: "N"},
    "statics": {0: "N"},
    "recall": {0: "N"},
    "items": {0: "N"},
    "slots": {0: "B", 1: "M"},
    "slot_of": {0: "N"},
}


def export(module: nn.Module, feed: Feed, path: Path, output: str) -> None:
    """Writes the graph of `module` with the names of `feed` as inputs.

    Args:
        feed: an example; its sizes stay free along the axes in DYNAMIC.
        output: name of the one output.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation of this exporter and tracer notes
        torch.onnx.export(
            module.eval(),
            _tensors(feed),
            str(path),
            input_names=list(feed),
            output_names=[output],
            dynamic_axes={name: DYNAMIC[name] for name in feed},
            opset_version=OPSET,
            dynamo=False,
        )


def check(module: nn.Module, path: Path, feeds: Sequence[Feed]) -> list[F32]:
    """Runs the graph and the module on each feed and returns the graph's outputs.

    Raises:
        ExportError: when they differ by more than TOLERANCE, or in shape.
    """
    session = session_of(path)
    outputs = []
    for feed in feeds:
        (found,) = session.run(None, feed)
        with torch.no_grad():
            expected = module.eval()(*_tensors(feed)).numpy()
        if found.shape != expected.shape:
            raise ExportError(f"{path.name}: shape {found.shape}, torch has {expected.shape}")
        error = float(np.abs(found - expected).max(initial=0.0))
        if not error <= TOLERANCE:
            raise ExportError(f"{path.name} differs from torch by {error:.2g}")
        outputs.append(found)
    return outputs


def variants(feed: Feed) -> list[Feed]:
    """Feeds of other sizes from a real one: empty histories, no candidates, noise, one user."""
    noise = np.random.default_rng(0)
    noisy = {
        name: noise.normal(size=array.shape).astype(np.float32)
        if array.dtype == np.float32 and name != "mask"
        else array
        for name, array in feed.items()
    }
    return [noisy, _without_history(feed), _without_candidates(feed)]


def _without_history(feed: Feed) -> Feed:
    blank = ("history", "mask", "events", "gaps")
    return {name: np.zeros_like(a) if name in blank else a for name, a in feed.items()}


def _without_candidates(feed: Feed) -> Feed:
    """The same users with no candidates at all."""
    empty = {name: array[:0] for name, array in feed.items() if DYNAMIC[name][0] == "N"}
    if "slots" in feed:
        empty["slots"] = feed["slots"][:, :0]
    return feed | empty


def session_of(path: Path) -> ort.InferenceSession:
    """A session with one thread that does not spin, as in serving."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def write_golden(path: Path, feed: Feed, output: str, expected: F32) -> None:
    """Stores a feed and what it gives: in_<input> and out_<output>."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"in_{name}": array for name, array in feed.items()}
    np.savez_compressed(path, **arrays, **{f"out_{output}": expected})  # type: ignore[arg-type]


def _tensors(feed: Feed) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in feed.values())
