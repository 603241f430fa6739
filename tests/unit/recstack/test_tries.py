"""When and where the tries of a call are made, with a clock of the test's own."""

import grpc
import pytest

from recstack.client import ClientError, Retries, TooManyRequestsError, UnavailableError
from recstack.client.errors import Failure
from recstack.client.rotation import PAUSE_SECONDS, Rotation, addresses
from recstack.client.tries import Means, Tries

SECONDS = 1.0
GONE = Failure(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; refused")
CUT = Failure(grpc.StatusCode.UNAVAILABLE, "Socket closed")
FULL = grpc.StatusCode.RESOURCE_EXHAUSTED


class World:
    """A clock that is moved by hand, and the tries of calls at that time."""

    def __init__(self, given: str = "a:1", retries: Retries = Retries(), chance: float = 1.0):  # noqa: B008
        self.now = 100.0
        rotation = Rotation(addresses(given), 0, lambda: self.now)
        self.means = Means(rotation, retries, retries.budget(), lambda: self.now, lambda: chance)

    def call(self, repeatable: bool = True) -> Tries:
        return Tries(self.means, SECONDS, "id", repeatable)


def failing(world: World, failure: Failure) -> list[tuple[str, float]]:
    """Address of each try of a call that always fails so, and the wait before it."""
    tries = world.call()
    made = [(tries.address, 0.0)]
    while True:
        try:
            delay = tries.again(failure)
        except ClientError:
            return made
        world.now += delay
        made.append((tries.address, round(delay, 6)))


def test_one_address_is_tried_after_pauses_that_grow() -> None:
    tries = [("a:1", 0.0), ("a:1", 0.1), ("a:1", 0.2), ("a:1", 0.4)]
    assert failing(World(), GONE) == tries


def test_half_of_a_pause_is_random() -> None:
    assert [delay for _, delay in failing(World(chance=0.0), GONE)] == [0.0, 0.05, 0.1, 0.2]


def test_another_address_is_tried_at_once() -> None:
    tries = failing(World("a:1,b:2,c:3"), GONE)
    assert [delay for _, delay in tries] == [0.0, 0.0, 0.0, 0.1]
    assert {address for address, _ in tries[:3]} == {"a:1", "b:2", "c:3"}


def test_no_try_begins_after_the_deadline() -> None:
    world = World(retries=Retries(attempts=99))
    assert sum(delay for _, delay in failing(world, GONE)) < SECONDS
    assert world.now < 100.0 + SECONDS


def test_what_fails_is_passed_over_for_a_while() -> None:
    world = World("a:1,b:2")
    first = world.call()
    gone = first.address
    first.again(GONE)
    assert {world.call().address for _ in range(4)} == {"a:1", "b:2"} - {gone}
    world.now += PAUSE_SECONDS
    assert {world.call().address for _ in range(4)} == {"a:1", "b:2"}


def test_when_all_have_failed_all_are_tried() -> None:
    world = World("a:1,b:2")
    failing(world, GONE)
    assert {world.call().address for _ in range(4)} == {"a:1", "b:2"}


def test_a_refusal_waits_as_long_as_it_says_and_a_little_longer() -> None:
    for chance, delay in ((0.0, 0.4), (1.0, 0.5)):
        tries = World(chance=chance).call()
        assert tries.again(Failure(FULL, "", 0.4)) == pytest.approx(delay)
    with pytest.raises(TooManyRequestsError) as raised:
        World().call().again(Failure(FULL, "", SECONDS))
    assert raised.value.retry_after == SECONDS


def test_a_refusal_without_a_delay_is_not_repeated() -> None:
    with pytest.raises(TooManyRequestsError):
        World().call().again(Failure(FULL))


@pytest.mark.parametrize(
    "code", [c for c in grpc.StatusCode if c.name not in ("OK", "UNAVAILABLE")]
)
def test_nothing_else_is_repeated(code: grpc.StatusCode) -> None:
    with pytest.raises(ClientError) as raised:
        World().call().again(Failure(code))
    assert raised.value.status == code.name


def test_what_may_have_been_done_is_repeated_only_where_that_does_no_harm() -> None:
    World().call(repeatable=True).again(CUT)
    World().call(repeatable=False).again(GONE)
    World().call(repeatable=False).again(Failure(FULL, "", 0.1))
    with pytest.raises(UnavailableError):
        World().call(repeatable=False).again(CUT)


def test_the_budget_ends_retries_but_not_calls() -> None:
    world = World(retries=Retries(attempts=2, ratio=0.5, reserve=3))
    tried = [len(failing(world, GONE)) for _ in range(12)]
    assert tried[:5] == [2] * 5  # the reserve, and what the calls earn
    assert tried[-6:].count(2) == 3


def test_each_try_has_a_request_id_of_its_own() -> None:
    tries = World().call()
    names = [tries.request_id]
    for _ in range(3):
        tries.again(GONE)
        names.append(tries.request_id)
    assert names == ["id", "id.2", "id.3", "id.4"]
    with pytest.raises(UnavailableError) as raised:
        tries.again(GONE)
    assert raised.value.request_id == "id.4"


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"pause": -1.0}, {"ratio": -0.1}, {"reserve": -1}], ids=str
)
def test_retries_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one attempt"):
        Retries(**wrong)  # type: ignore[arg-type]
