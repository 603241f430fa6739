"""Small logs, made up."""

import numpy as np

from models.training.log import Log
from services.domain.ids import item_keys


def make_log(sequences: list[list[int]], items: int, times: list[list[int]] | None = None) -> Log:
    """A log of these item rows by user; every third event is a LIKE; times are positions."""
    flat = [row for sequence in sequences for row in sequence]
    when = times or [list(range(len(sequence))) for sequence in sequences]
    return Log(
        offsets=np.cumsum([0, *(len(s) for s in sequences)], dtype=np.int64),
        rows=np.array(flat, np.int64),
        events=np.array([3 if i % 3 == 0 else 2 for i in range(len(flat))], np.uint8),
        times=np.array([t for one in when for t in one], np.uint32),
        values=np.zeros(len(flat), np.float32),
        user_ids=[f"u{u}" for u in range(len(sequences))],
        profiles=[{} for _ in sequences],
        keys=item_keys(f"i{i}" for i in range(items)),
        has_clock=times is not None,
    )
