"""The follower, its lease and its clock, over a store whose answers the test decides."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from redis.exceptions import ConnectionError as ConnectionLostError

from services.domain.traffic import Arm, Policy
from services.domain.traffic_document import dump
from services.gateway.releases import Holding
from services.gateway.traffic.disk import PolicyFile
from services.gateway.traffic.follow import Follower, FollowerConfig
from services.gateway.traffic.metrics import TrafficCollector
from services.gateway.traffic.report import stages_of
from services.gateway.traffic.store import Found, TrafficStore
from services.inference.holder import ReleaseRecord, ReleaseState
from tests.unit.gateway.clock import Clock

FIRST = Policy(0, "first")
LEASED = Policy(5, "a", "b", weight=100.0, lease_seconds=10.0)


class Answers(TrafficStore):
    """Answers what it is told, after a while by the clock; away when there is nothing to answer."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.found: Found | None = None
        self.delay = 0.0

    def hold(self, policy: Policy, lease: int | None, left: float = 10.0) -> None:
        self.found = Found(dump(policy).encode(), lease and str(lease).encode(), left)  # type: ignore[arg-type]

    async def read(self) -> Found:
        self.clock.move(self.delay)
        if self.found is None:
            raise ConnectionLostError("away")
        return self.found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Answers:
    return Answers(clock)


def following(store: Answers) -> Follower:
    return Follower(store, FIRST, FollowerConfig(clock=store.clock))


def errors(what: str) -> float:
    return REGISTRY.get_sample_value("recstack_gateway_traffic_errors_total", {"what": what}) or 0.0


async def test_until_it_is_told_the_first_policy_holds(store: Answers) -> None:
    follower = following(store)
    assert not await follower.refresh()
    assert follower.assign("u").release == "first"
    assert follower.age == float("inf")


async def test_a_policy_under_lease_is_applied(store: Answers) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    for _ in range(2):
        assert await follower.refresh()
        assert follower.assign("u") == ("b", Arm.CANARY, {}, {})
        assert follower.applied == LEASED


async def test_the_canary_has_users_until_its_lease_expires(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(LEASED, 5, left=3.0)
    await follower.refresh()
    store.found = None
    clock.move(2.99)
    assert not await follower.refresh()
    assert follower.assign("u").arm is Arm.CANARY
    clock.move(0.02)
    assert follower.assign("u") == ("a", Arm.STABLE, {}, {}), "nobody had to look"
    assert follower.applied == LEASED
    assert follower.age == pytest.approx(3.01)


async def test_a_lease_counts_from_before_redis_was_asked(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(LEASED, 5, left=3.0)
    store.delay = 2.0
    await follower.refresh()
    clock.move(0.99)
    assert follower.assign("u").arm is Arm.CANARY
    clock.move(0.02)
    assert follower.assign("u").arm is Arm.STABLE


async def test_a_gateway_that_was_frozen_wakes_up_on_stable(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    clock.move(3600.0)
    assert follower.assign("u").arm is Arm.STABLE


async def test_a_renewed_lease_keeps_the_canary(store: Answers, clock: Clock) -> None:
    follower = following(store)
    for _ in range(20):
        store.hold(LEASED, 5, left=9.0)
        await follower.refresh()
        clock.move(8.0)
        assert follower.assign("u").arm is Arm.CANARY


@pytest.mark.parametrize(
    ("lease", "left"),
    [(None, -0.002), (4, 10.0), (6, 10.0), (5, -0.001), (5, 0.0)],
    ids=["none", "of the version before", "of the version after", "without expiry", "expired"],
)
async def test_no_canary_without_its_own_lease(
    store: Answers, lease: int | None, left: float
) -> None:
    follower = following(store)
    store.hold(LEASED, lease, left)
    await follower.refresh()
    assert follower.assign("u") == ("a", Arm.STABLE, {}, {})
    store.hold(LEASED, 5)
    await follower.refresh()
    assert follower.assign("u").arm is Arm.CANARY, "it was the lease"


async def test_an_older_policy_has_no_canary_until_a_newer_one_comes(store: Answers) -> None:
    heard, follower = errors("older"), following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    older = replace(LEASED, version=3, stable="c", control=0.0)
    store.hold(older, 3)
    for _ in range(2):
        await follower.refresh()
        assert follower.assign("u") == ("c", Arm.STABLE, {}, {})
    assert follower.applied == older.without_canary()
    assert follower.malformed == "version 3 came after version 5"
    assert errors("older") == heard + 1
    store.hold(replace(LEASED, version=4), 4)
    await follower.refresh()
    assert follower.assign("u").arm is Arm.STABLE, "older than the fifth, too"
    store.hold(replace(LEASED, version=6), 6)
    await follower.refresh()
    assert follower.assign("u").arm is Arm.CANARY
    assert not follower.malformed


async def test_a_lease_that_is_taken_away_ends_at_once(store: Answers) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    store.hold(LEASED, None)
    await follower.refresh()
    assert follower.assign("u").arm is Arm.STABLE


async def test_a_lease_is_no_longer_than_the_policy_says(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(LEASED, 5, left=86_400.0)
    await follower.refresh()
    clock.move(10.01)
    assert follower.assign("u").arm is Arm.STABLE


async def test_a_malformed_policy_changes_nothing_and_rings(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    alarm = TrafficCollector(follower, clock)
    assert exported(alarm)["recstack_gateway_traffic_policy_malformed"] == 0
    rung = errors("malformed")
    store.found = Found(b'{"version": 6, "stable": "c", "weight": 400}', b"5", 10.0)
    assert await follower.refresh()
    assert await follower.refresh()
    assert follower.assign("u") == ("b", Arm.CANARY, {}, {})
    assert "weight" in follower.malformed
    assert errors("malformed") == rung + 1, "once for each document"
    assert exported(alarm)["recstack_gateway_traffic_policy_malformed"] == 1
    store.hold(replace(LEASED, version=7, stable="c", weight=0.0), None)
    await follower.refresh()
    assert follower.assign("u").release == "c"
    assert exported(alarm)["recstack_gateway_traffic_policy_malformed"] == 0


async def test_a_malformed_policy_with_its_own_lease_ends_the_canary(store: Answers) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    store.found = Found(b"{", b"6", 10.0)
    await follower.refresh()
    assert follower.assign("u") == ("a", Arm.STABLE, {}, {})


async def test_a_policy_that_is_gone_holds_on_without_its_canary(store: Answers) -> None:
    follower = following(store)
    store.hold(LEASED, 5)
    await follower.refresh()
    store.found = Found(None, None, -0.002)
    for _ in range(2):
        await follower.refresh()
        assert follower.assign("u") == ("a", Arm.STABLE, {}, {})
    store.hold(LEASED, 5)
    await follower.refresh()
    assert follower.assign("u").arm is Arm.CANARY


async def test_any_error_of_the_store_is_survived(
    store: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nonsense() -> Found:
        raise IndexError("a reply that nobody expects")

    follower = following(store)
    before = errors("policy")
    with monkeypatch.context() as patched:
        patched.setattr(store, "read", nonsense)
        assert not await follower.refresh()
    assert errors("policy") == before + 1
    store.hold(LEASED, 5)
    assert await follower.refresh()


async def test_metrics_tell_what_is_applied(store: Answers, clock: Clock) -> None:
    follower = following(store)
    store.hold(replace(LEASED, weight=40.0), 5)
    await follower.refresh()
    clock.move(2.0)
    told = exported(TrafficCollector(follower, clock))
    assert told == {
        "recstack_gateway_traffic_policy_version": 5,
        "recstack_gateway_traffic_canary_ratio": 0.4,
        "recstack_gateway_traffic_canary_planned_ratio": 0.4,
        "recstack_gateway_traffic_policy_malformed": 0,
        "recstack_gateway_traffic_policy_age_seconds": 2.0,
    }
    clock.move(10.0)
    told = exported(TrafficCollector(follower, clock))
    assert told["recstack_gateway_traffic_canary_ratio"] == 0
    assert told["recstack_gateway_traffic_canary_planned_ratio"] == 0.4, "its lease has expired"


async def test_a_start_without_redis_takes_the_copy_without_its_canary(
    store: Answers, tmp_path: Path
) -> None:
    file = PolicyFile(tmp_path / "deep" / "policy.json")
    config = FollowerConfig(file, clock=store.clock)
    store.hold(LEASED, 5)
    async with Follower(store, FIRST, config) as follower:
        assert follower.assign("u").release == "b"
    store.found = None
    async with Follower(store, FIRST, config) as follower:
        assert follower.assign("u") == ("a", Arm.STABLE, {}, {})
        assert follower.applied == LEASED.without_canary()
        assert follower.applied.releases == ("a", "b"), "both are loaded before they are needed"
        store.hold(LEASED, 5)
        await follower.refresh()
        assert follower.assign("u").release == "b"


@pytest.mark.parametrize("document", [b"{", None], ids=["malformed", "none"])
async def test_a_start_without_a_good_policy_takes_the_copy(
    store: Answers, tmp_path: Path, document: bytes | None
) -> None:
    file = PolicyFile(tmp_path / "policy.json")
    file.write(LEASED)
    store.found = Found(document, b"5", 10.0)
    async with Follower(store, FIRST, FollowerConfig(file, clock=store.clock)) as follower:
        assert bool(follower.malformed) == (document is not None)
        for _ in range(2):
            assert follower.assign("u") == ("a", Arm.STABLE, {}, {})
            await follower.refresh()
    assert file.read() == LEASED.without_canary()


async def test_a_policy_that_is_older_than_the_copy_has_no_canary(
    store: Answers, tmp_path: Path
) -> None:
    file = PolicyFile(tmp_path / "policy.json")
    file.write(LEASED)
    async with Follower(store, FIRST, FollowerConfig(file, clock=store.clock)) as follower:
        store.hold(replace(LEASED, version=4), 4)
        await follower.refresh()
        assert follower.assign("u").arm is Arm.STABLE
        assert (follower.malformed, follower.newest) == ("version 4 came after version 5", 5)


async def test_without_a_copy_or_with_a_damaged_one_the_first_policy_holds(
    store: Answers, tmp_path: Path
) -> None:
    file = PolicyFile(tmp_path / "policy.json")
    for content in (None, "", '{"version": 1', '{"version": 1, "stable": "a", "weight": -1}'):
        if content is not None:
            file.path.write_text(content)
        async with Follower(store, FIRST, FollowerConfig(file, clock=store.clock)) as follower:
            assert follower.applied == FIRST
            assert follower.assign("u").release == "first"
    assert file.path.read_text() == content, "what nobody told is not copied"


async def test_a_copy_that_cannot_be_written_is_tried_again(store: Answers, tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("a file where the folder should be")
    file = PolicyFile(blocked / "policy.json")
    follower = Follower(store, FIRST, FollowerConfig(file, clock=store.clock))
    store.hold(LEASED, 5)
    before = errors("file")
    await follower.refresh()
    await follower.save()
    assert errors("file") == before + 1
    assert follower.assign("u").release == "b"
    blocked.unlink()
    await follower.save()
    assert file.read() == LEASED.without_canary()
    assert [path.name for path in blocked.iterdir()] == ["policy.json"], "and nothing else is left"


async def test_a_policy_that_comes_while_another_is_copied_is_copied_too(
    store: Answers, tmp_path: Path
) -> None:
    began, go_on = threading.Event(), threading.Event()

    class SlowDisk(PolicyFile):
        def write(self, policy: Policy) -> None:
            began.set()
            assert go_on.wait(30)
            super().write(policy)

    file = SlowDisk(tmp_path / "policy.json")
    follower = Follower(store, FIRST, FollowerConfig(file, clock=store.clock))
    store.hold(LEASED, 5)
    await follower.refresh()
    saving = asyncio.create_task(follower.save())
    await asyncio.to_thread(began.wait, 30)
    store.hold(Policy(6, "c"), None)
    await follower.refresh()
    assert follower.assign("u").release == "c", "the disk holds nothing up"
    go_on.set()
    await saving
    assert file.read() == LEASED.without_canary()
    await follower.save()
    assert file.read() == Policy(6, "c")


def test_of_a_stage_that_does_not_say_nothing_is_known() -> None:
    records = {
        "a": ReleaseRecord("a", ReleaseState.LOADED),
        "b": ReleaseRecord("b", ReleaseState.REFUSED, "it is damaged"),
    }
    holdings = [
        Holding("gateway", "", records),
        Holding("rank", "10.0.0.1:50054", records, "it does not answer"),
    ]
    missing = {("gateway", "c"): "there is no release c", ("rank", "c"): "there is no release c"}
    assert stages_of(holdings, missing) == {
        "gateway": {
            "a": "loaded",
            "b": "refused: it is damaged",
            "c": "refused: there is no release c",
        },
        "rank 10.0.0.1:50054": {},
    }


def exported(collector: TrafficCollector) -> dict[str, float]:
    return {family.name: family.samples[0].value for family in collector.collect()}
