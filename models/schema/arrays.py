"""Arrays of a release, read from disk page by page."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in a `.npy` file, memory-mapped and read-only.

    As a plain array: `np.memmap` runs Python code at every index, which is 5 % of a request.
    """
    return np.asarray(np.load(path, mmap_mode="r"))
