"""A memory-mapped column of strings: opening it costs nothing, a row is decoded when read."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from models.schema.arrays import mapped
from services.domain.arrays import I64


class StringColumn:
    """Strings by row in `<base>.offsets.npy` (int64 [n + 1]) and `<base>.bin` (UTF-8)."""

    def __init__(self, offsets: I64, data: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> None:
        self._offsets = offsets
        self._data = data

    @staticmethod
    def write(base: Path, values: Iterable[str]) -> None:
        """Writes both files; the folder must exist."""
        encoded = [value.encode() for value in values]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        np.save(f"{base}.offsets.npy", offsets)
        Path(f"{base}.bin").write_bytes(b"".join(encoded))

    @staticmethod
    def open(base: Path) -> "StringColumn":
        """Maps both files; FileNotFoundError when one is missing."""
        offsets = mapped(Path(f"{base}.offsets.npy"))
        path = Path(f"{base}.bin")
        data = (
            np.asarray(np.memmap(path, np.uint8, mode="r"))
            if path.stat().st_size
            else np.empty(0, np.uint8)  # an empty file cannot be mapped
        )
        return StringColumn(offsets, data)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> str:
        return self._data[self._offsets[row] : self._offsets[row + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))
