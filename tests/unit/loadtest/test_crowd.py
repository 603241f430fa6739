"""Who asks next, whatever the server does."""

from collections import Counter

from loadtest.anybody import Anybody
from loadtest.calls import Answer
from loadtest.crowd import Crowd
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.people import People as WorldPeople
from loadtest.simulation.world import World

ITEMS = tuple(map(str, range(20)))
GOOD = Answer(items=ITEMS, request_id="q", page_token="more")


def asked(crowd: Crowd, answer: Answer, seconds: int = 60) -> list[tuple[str, bool]]:
    """Kinds and users' ids of 20 asks a second."""
    kinds = []
    for tick in range(seconds * 20):
        stay, ask = crowd.next_ask(tick / 20)
        kinds.append((ask.kind, bool(ask.user_id)))
        crowd.answered(stay, answer, tick / 20)
    return kinds


def test_people_ask_again_with_the_token_of_the_answer_before() -> None:
    kinds = Counter(kind for kind, _ in asked(Crowd(Anybody(100, 1)), GOOD))
    assert kinds["page"] / kinds.total() > 0.4
    assert 0 < kinds["anonymous"] < 0.2 * kinds["list"]


def test_a_server_that_answers_nothing_is_asked_as_often_but_for_first_pages() -> None:
    kinds = Counter(kind for kind, _ in asked(Crowd(Anybody(100, 1)), Answer("UNAVAILABLE")))
    assert kinds.total() == 60 * 20
    assert kinds["page"] == 0


def test_nobody_asks_again_before_having_looked() -> None:
    crowd = Crowd(Anybody(10, 1))
    for _ in range(100):
        stay, _ = crowd.next_ask(1.0)
        assert stay.asked == 1


def test_feedback_is_of_actions_all_or_none() -> None:
    def told(feedback: str) -> Counter[str]:
        crowd: Counter[str] = Counter()
        people = Crowd(Anybody(10, 1), feedback=feedback)  # type: ignore[arg-type]
        for _ in range(50):
            stay, ask = people.next_ask(0.0)
            given = people.answered(stay, GOOD, 0.0)
            if given is not None:
                assert (given.user_id, given.request_id) == (ask.user_id, "q")
                crowd.update(deed.type for deed in given.deeds)
        return crowd

    assert told("none") == {}
    assert set(told("actions")) == {"click"}
    assert told("all")["impression"] == 50 * 20


def test_the_same_seed_is_the_same_people() -> None:
    assert asked(Crowd(Anybody(100, 5)), GOOD, 5) == asked(Crowd(Anybody(100, 5)), GOOD, 5)


def test_the_people_of_a_simulated_world_fit() -> None:
    world = World(WorldConfig(users=50, items=120, days=5.0, visits=2.0))
    crowd = Crowd(WorldPeople(world, 1), feedback="all")
    stay, ask = crowd.next_ask(0.0)
    told = crowd.answered(stay, Answer(items=("sim-i000001",), request_id="q"), 0.1)
    assert ask.user_id.startswith("sim-u") or ask.session_id.startswith("sim-s")
    assert told is not None
    assert {deed.type for deed in told.deeds} >= {"impression"}
