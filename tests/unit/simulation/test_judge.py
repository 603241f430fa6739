"""Lists that were shown, valued afterwards in the state that those before them left."""

from collections import Counter

import numpy as np

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.judge import Past, _State, judge
from loadtest.simulation.people import People, Visit
from loadtest.simulation.records import Answered
from loadtest.simulation.world import World, item_id_of
from services.domain.arrays import I64

WORLD = World(WorldConfig(users=200, items=300, seed=5))
PAST = Past(np.arange(300), [np.empty(0, np.int64)] * WORLD.tastes.count)
DAY = 60.0
ROWS = np.flatnonzero(WORLD.items.alive(DAY))


def two_visits(people: People) -> tuple[Visit, Visit]:
    """Of one person without an id."""
    nobody = [v for v in (people.next_visit() for _ in range(1000)) if not v.user_id]
    ((person, _),) = Counter(visit.person for visit in nobody).most_common(1)
    first, second, *_ = (visit for visit in nobody if visit.person == person)
    return first, second


def answered(visit: Visit, rows: I64) -> Answered:
    return Answered(visit.number, visit.person, False, DAY, rows, (), 0.0, (), 0, "r")


def test_what_a_session_was_shown_stays_closed_to_it_when_another_comes_between() -> None:
    first, second = two_visits(People(WORLD, seed=1))
    state = _State(WORLD, PAST)
    for one in (answered(first, ROWS[:10]), answered(second, ROWS[10:20])):
        state.enter(one)
        state.leave(one)
    again = answered(first, ROWS[20:30])
    state.enter(again)
    assert not state.asked(again).open[ROWS[:10]].any()
    assert state.asked(again).open[ROWS[10:20]].all()


def test_a_judge_knows_who_is_tired_as_the_people_did() -> None:
    """Also when two sessions of one person overlap."""
    people = People(WORLD, seed=1)
    first, second = two_visits(people)
    ids = [item_id_of(int(row)) for row in ROWS[:10]]
    lists, values = [], []
    for visit in (first, second, first, second):
        deeds = people.react(visit, ids, DAY)
        assert deeds
        lists.append(answered(visit, ROWS[:10]))
        values.append(people.value(visit, ids, DAY))  # to whoever is asked next
    judged = judge(WORLD, PAST, lists, seed=1).values[0]
    np.testing.assert_allclose(judged[2:], values[1:3], rtol=1e-6)
    assert judged[2] < judged[0]
