"""The same seed is the same world; items come and go; tastes drift."""

import numpy as np

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.log import Entries, entries
from loadtest.simulation.words import TOPICS
from loadtest.simulation.world import World

CONFIG = WorldConfig(users=60, items=200, seed=5, visits=20)


def whole_log(config: WorldConfig) -> Entries:
    (block,) = entries(World(config))
    return block


def test_the_same_config_is_the_same_log_and_another_seed_another() -> None:
    first, again = whole_log(CONFIG), whole_log(CONFIG)
    other = whole_log(WorldConfig(users=60, items=200, seed=6, visits=20))
    for name in Entries.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert len(first.rows) != len(other.rows) or (first.rows != other.rows).any()


def test_what_can_be_seen_of_an_item_is_the_same_each_time() -> None:
    assert World(CONFIG).shown(7) == World(CONFIG).shown(7)
    assert World(CONFIG).shown(7).text != World(CONFIG).shown(8).text


def test_only_items_that_are_there_are_shown_once_a_list() -> None:
    log, items = whole_log(CONFIG), World(CONFIG).items
    day = log.days
    assert (items.born[log.rows] <= day).all()
    assert (day < items.dies[log.rows]).all()
    assert len(np.unique(log.lists * len(items) + log.rows)) == len(log.rows)


def test_items_are_born_during_the_log_and_after_it() -> None:
    items = World(CONFIG).items
    born = items.born[: items.count]
    assert 0 < (born > 0).sum() < len(born)
    assert (born <= CONFIG.days).all()
    later = items.born[items.count :]
    assert (later > CONFIG.days).all()
    assert len(later)


def test_attention_and_activity_are_heavy_tailed() -> None:
    world = World(WorldConfig(users=2000, items=2000, seed=1))
    for weights in (world.items.appeal, world.tastes.activity):
        first = np.sort(weights)[::-1]
        assert first[: len(first) // 10].sum() > 0.25 * first.sum()


def test_tastes_drift() -> None:
    tastes = World(CONFIG).tastes
    people = np.arange(60)
    now, soon, later = (tastes.at(people, np.full(60, d, np.float32)) for d in (0.0, 0.5, 30.0))
    moved = [float(np.abs(one - now).max(axis=1).mean()) for one in (soon, later)]
    assert moved[0] < 0.3
    assert moved[1] > 1.0


def test_attributes_tell_of_tastes() -> None:
    """People of one region have more favourites in common than people of two."""
    tastes = World(WorldConfig(users=1000, items=200, seed=1)).tastes
    has = np.zeros((len(tastes), TOPICS))
    has[np.arange(len(tastes))[:, None], tastes.favourites] = 1.0
    common = has @ has.T
    np.fill_diagonal(common, np.nan)
    same = tastes.region[:, None] == tastes.region[None, :]
    assert np.nanmean(common[same]) > 1.1 * np.nanmean(common[~same])


def test_ids_and_rows() -> None:
    world = World(CONFIG)
    assert world.item_rows(["sim-i000007", "i0007", "sim-i999999", "sim-ix"]).tolist() == [
        7,
        -1,
        -1,
        -1,
    ]
