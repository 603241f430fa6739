"""Joins small Parquet files: traffic that is low but steady leaves thousands of them a day."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from services.events import parquet

SMALL = 2 * 2**20  # bytes of a file that is not left as it is
JOINED = 8 * 2**20  # bytes of the files that become one, at most
WORTH = 8  # files that become one, at least


def join_small(folder: Path, before: float) -> int:
    """Joins neighbours whose last entry is older than a time, unix seconds; returns how many.

    The joined file has its name before the others go. A crash between leaves rows in two files,
    with the same entry ids: readers keep one.
    """
    joined = 0
    owner = token_hex(4)
    for run in _runs(folder, before):
        first, _ = parquet.range_of(run[0])
        last = max(parquet.range_of(one)[1] for one in run)
        path = parquet.path_of(folder, first, last)
        unfinished = parquet.unfinished(path, owner)
        rows = parquet.read(run)
        parquet.write_unfinished(unfinished, rows.schema, [rows])
        parquet.finish(unfinished, path)
        for one in run:
            if one != path:
                one.unlink(missing_ok=True)
        joined += len(run)
    return joined


def _runs(folder: Path, before: float) -> Iterator[list[Path]]:
    """Neighbours that are to be one file."""
    run: list[Path] = []
    size = 0
    for path in sorted(parquet.finished(folder), key=parquet.range_of):
        weight = path.stat().st_size
        fits = weight < SMALL and parquet.range_of(path)[1].ms < before * 1000
        if not fits or size + weight > JOINED:
            if len(run) >= WORTH:
                yield run
            run, size = [], 0
        if fits:
            run.append(path)
            size += weight
    if len(run) >= WORTH:
        yield run
