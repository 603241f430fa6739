"""Columns on the wire: little-endian arrays in bytes fields."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

S = TypeVar("S", bound=np.generic)


def column(data: bytes, dtype: type[S], field: str, length: int | None = None) -> npt.NDArray[S]:
    """A view of the bytes as an array; `length` is what the message's other columns say.

    Raises:
        ValueError: names the field when the size does not fit.
    """
    width = np.dtype(dtype).itemsize
    if len(data) % width:
        raise ValueError(f"{field}: {len(data)} bytes are not a multiple of {width}")
    array: npt.NDArray[Any] = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
    if length is not None and len(array) != length:
        raise ValueError(f"{field}: {len(array)} values, {length} expected")
    return array
