"""People who come one at a time, and what else they could have been shown."""

import numpy as np
import pytest

from loadtest.simulation import rivals
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.people import Deed, People, Visit, expected_clicks
from loadtest.simulation.rivals import Asked
from loadtest.simulation.world import World, item_id_of

WORLD = World(WorldConfig(users=200, items=300, seed=5))
LIST = [item_id_of(row) for row in range(20)]


def test_the_same_seed_is_the_same_people_whoever_goes_on_first() -> None:
    def drawn(order: list[int]) -> dict[int, list[Deed]]:
        people = People(WORLD, seed=3)
        visits = [people.next_visit() for _ in order]
        return {n: people.react(visits[n], LIST, 61.0) for n in order}

    assert drawn([0, 1, 2, 3, 4]) == drawn([4, 2, 0, 1, 3])
    first, other = (People(WORLD, seed) for seed in (3, 4))
    came = [[people.next_visit().person for _ in range(9)] for people in (first, other)]
    assert came[0] != came[1]


def test_some_have_no_id_and_are_a_stranger_each_time() -> None:
    people = People(WORLD, seed=1)
    visits = [people.next_visit() for _ in range(2000)]
    nobody = [visit for visit in visits if not visit.user_id]
    assert 0.05 < len(nobody) / len(visits) < 0.2
    assert all(bool(visit.user_id) != bool(visit.session_id) for visit in visits)
    assert len({visit.session_id for visit in nobody}) == len(nobody)
    by_person = np.bincount([v.person for v in visits if v.user_id], minlength=200)
    assert np.sort(by_person)[-20:].sum() > 0.2 * by_person.sum()  # some come much more often


def test_the_value_of_a_list_is_the_mean_of_its_clicks() -> None:
    people = People(WORLD, seed=1)
    visit = people.next_visit()
    value, clicks, times = people.value(visit, LIST, 61.0), 0, 3000
    for _ in range(times):
        people.memory.forget(visit.person)
        clicks += sum(deed.type == "click" for deed in people.react(visit, LIST, 61.0))
    assert clicks / times == pytest.approx(value, abs=3.3 * (value / times) ** 0.5)


def test_every_item_has_an_impression_and_only_known_ones_are_clicked() -> None:
    people = People(WORLD, seed=1)
    for _ in range(50):
        deeds = people.react(people.next_visit(), ["what", *LIST, "else"], 61.0)
        assert [d.item_id for d in deeds if d.type == "impression"] == ["what", *LIST, "else"]
        assert {d.item_id for d in deeds if d.type != "impression"} <= set(LIST)
    assert people.react(people.next_visit(), [], 61.0) == []


def asked(visit: Visit, day: float = 60.0) -> Asked:
    usable = WORLD.items.alive(day)
    usable[::7] = False
    return Asked(visit.person, day, usable, 12)


def test_the_oracle_is_the_best_and_keeps_the_rules() -> None:
    people, generator = People(WORLD, seed=1), np.random.default_rng(1)
    for _ in range(20):
        one = asked(people.next_visit())
        value = lambda rows, one=one: expected_clicks(  # noqa: E731
            WORLD, people.memory, one.person, one.day, rows
        )
        best = rivals.oracle(WORLD, people.memory, one)
        assert one.open[best].all()
        assert len(set(best.tolist())) == one.length
        assert value(best) > value(rivals.chance(one, generator))
        for place in range(one.length):  # no single other item does better anywhere
            other = best.copy()
            other[place] = generator.choice(np.setdiff1d(np.flatnonzero(one.open), best))
            assert value(other) <= value(best) + 1e-6


def test_the_oracle_does_not_know_the_future() -> None:
    """What is born tomorrow is not shown today, however good it is."""
    born = WORLD.items.born
    one = asked(People(WORLD, seed=1).next_visit())
    assert (born[rivals.oracle(WORLD, People(WORLD).memory, one)] <= one.day).all()


def test_popular_and_chance_show_open_items() -> None:
    one = asked(People(WORLD, seed=1).next_visit())
    order = np.arange(300)[::-1]
    expected = [row for row in order.tolist() if one.open[row]][:12]
    assert rivals.popular(order, one).tolist() == expected
    drawn = rivals.chance(one, np.random.default_rng(1))
    assert one.open[drawn].all()
    assert len(set(drawn.tolist())) == 12
