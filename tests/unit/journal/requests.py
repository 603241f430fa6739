"""Served requests to test with."""

from dataclasses import replace

import numpy as np

from services.domain.context import History
from services.domain.ids import item_keys
from services.domain.inline import InlineItems
from services.journal.request import Asked, Ranked, RequestEntry, Shown

CHANNELS = ("two_tower", "item_cf", "popular")


def make_entry(seed: int, candidates: int = 5, history: int = 3, inline: int = 1) -> RequestEntry:
    """A request with as many candidates and events; the last `inline` candidates are inline."""
    draw = np.random.default_rng(seed)

    def floats(*shape: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        return draw.random(shape).astype(np.float32)

    ids = tuple(f"new-{seed}-{i}" for i in range(inline))
    keys = item_keys([f"i{i:04}" for i in range(candidates - inline)] + list(ids))
    recall = floats(candidates, len(CHANNELS))
    recall[:, 1] = 0.0
    asked = Asked(
        time=1_700_000_000 + seed,
        user=bytes(range(16)),
        placement="home",
        attributes={"device": "phone"},
        k=3,
        known=history > 0,
        profile={"city": "Żory"},
        history=History(
            draw.integers(2**63, size=history).astype(np.uint64),
            np.arange(1_600_000_000, 1_600_000_000 - history, -1).astype(np.uint32),
            np.full(history, 2, np.uint8),
            floats(history),
        ),
    )
    ranked = Ranked(
        keys,
        draw.integers(1, 8, candidates).astype(np.uint32),
        recall,
        floats(candidates, 6),
        InlineItems(ids, floats(inline, 4), floats(inline, 7)),
        floats(candidates),
        floats(candidates, 2),
    )
    top = keys[:3]
    shown = Shown(top, floats(len(top)), np.arange(len(top)) == 2, first=20)
    return RequestEntry(
        f"request-{seed}", "shop-1", CHANNELS, asked, ranked, shown, floats(8), ("seen",)
    )


def degraded_entry(seed: int) -> RequestEntry:
    """A request of an unknown user that had neither candidates nor scores."""
    entry = make_entry(seed, candidates=0, history=0, inline=0)
    ranked = Ranked(
        np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty((0, len(CHANNELS)), np.float32)
    )
    return replace(
        entry, ranked=ranked, user_vector=np.empty(0, np.float32), degraded=("recall", "rank")
    )
