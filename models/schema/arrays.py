"""Arrays of a release, read from disk page by page."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.domain.arrays import I64


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in a `.npy` file, memory-mapped and read-only.

    As a plain array: `np.memmap` runs Python code at every index, which is 5 % of a request.
    """
    return np.asarray(np.load(path, mmap_mode="r"))


def slices(offsets: I64, at: I64) -> tuple[I64, I64]:
    """Places of all elements of some slices, one after the other, and the length of each slice.

    Args:
        offsets: int64 [n + 1]; slice i is offsets[i] to offsets[i + 1].
        at: slices wanted, int64 [m].
    """
    starts = np.asarray(offsets)[at]
    lengths = np.asarray(offsets)[at + 1] - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum()), lengths
