"""The search of quotas: it must measure what serving merges."""

import numpy as np
import pytest

from models.training import quotas
from models.training.channels import KEPT, LIVE
from models.training.places import DEPTH, Places
from models.training.quotas import _Objective, scaled, search
from services.domain.protocols import Fetched
from services.recall import merge

CHANNELS = ("two_tower", "item_cf", "swing", "category", "new", "trending", "popular")
ITEMS = 500


def drawn(generator: np.random.Generator) -> tuple[Places, list[list[Fetched]], np.ndarray]:
    """40 queries: lists by channel that find the answer more or less early."""
    columns, targets, fetched = [], [], []
    for _ in range(40):
        lists = [
            generator.permutation(ITEMS)[: int(generator.integers(0, DEPTH))].astype(np.int32)
            for _ in CHANNELS
        ]
        rows = np.unique(np.concatenate(lists))
        places = np.full((len(CHANNELS), len(rows)), np.inf, np.float32)
        for channel, found in enumerate(lists):
            places[channel, np.searchsorted(rows, found)] = np.arange(1, len(found) + 1)
        columns.append((rows, places))
        targets.append(int(generator.integers(ITEMS)))
        fetched.append([Fetched(f, np.linspace(1, 0, len(f), dtype=np.float32)) for f in lists])
    offsets = np.cumsum([0, *(len(rows) for rows, _ in columns)])
    answers = [
        offsets[i] + np.searchsorted(rows, target) if target in rows else -1
        for i, ((rows, _), target) in enumerate(zip(columns, targets, strict=True))
    ]
    flat = np.concatenate([places for _, places in columns], axis=1)
    return Places(CHANNELS, flat, offsets, np.array(answers)), fetched, np.array(targets)


def test_the_objective_is_the_recall_of_the_merge_that_serves() -> None:
    generator = np.random.default_rng(3)
    places, fetched, targets = drawn(generator)
    for _ in range(5):
        chosen = generator.choice([0, 7, 53, 211], len(CHANNELS))
        hits = 0
        for lists, target in zip(fetched, targets, strict=True):
            asked = [
                one if quota else merge.NOTHING for one, quota in zip(lists, chosen, strict=True)
            ]
            pool = merge.pool(asked, ITEMS)
            keep = np.ones(len(pool.rows), np.bool_)
            merged, _ = merge.merged(pool, keep, chosen.astype(np.float32), DEPTH)
            hits += int(target in merged.rows)
        measured = _Objective(places).recall(dict(zip(CHANNELS, chosen.tolist(), strict=True)))
        assert abs(measured - hits / 40) <= 1 / 40  # ties at the edge


def test_a_channel_that_adds_nothing_does_not_run() -> None:
    """Every channel finds its own part of the answers, but swing only what item_cf finds."""
    count = 60
    places = np.full((len(CHANNELS), count), np.inf, np.float32)
    places[0, :20] = 250
    places[1, 20:40] = 250
    places[2, 20:40] = 260
    places[6, 40:] = 3
    found = search(Places(CHANNELS, places, np.arange(count + 1), np.arange(count)))
    assert set(found.quotas) == set(CHANNELS) - {"swing"}
    assert found.merged == 1.0
    assert found.lost["item_cf"] == pytest.approx(1 / 3)
    assert found.lost["swing"] == 0.0
    assert found.alone["popular"] == pytest.approx(1 / 3)
    assert found.queries == count


def test_kept_and_live_channels_run_even_when_they_find_nothing() -> None:
    nothing = np.full((len(CHANNELS), 5), np.inf, np.float32)
    found = search(Places(CHANNELS, nothing, np.arange(6), np.full(5, -1)))
    assert set(found.quotas) == {*KEPT, *LIVE}
    assert {name: found.quotas[name] for name in LIVE} == LIVE
    assert found.merged == 0.0


def test_quotas_are_scaled_to_the_length_of_a_list() -> None:
    made = scaled({"two_tower": 30, "swing": 0, "popular": 10, **LIVE})
    assert made == {"two_tower": 405, "popular": 135, **LIVE}
    assert sum(made.values()) == quotas.TOTAL
