"""Leaders and Redis stand still, die or go back: nothing is lost, and nothing done twice."""

from copy import deepcopy
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.chassis.redis import RedisError
from services.domain.traffic import Layer, LayerArm, Policy
from services.domain.traffic_document import dump
from services.rollout import commands
from services.rollout.changes import Change
from services.rollout.commands import Order
from services.rollout.errors import ConflictError, NotLeaderError
from services.rollout.leader import Leader, LeaderConfig
from services.rollout.leadership import HEARING_SECONDS
from services.rollout.phase import Phase
from services.rollout.record import Kind
from services.rollout.scene import Scene
from tests.rollouts import CANARY, SPEC, STABLE, FakeGateway
from tests.unit.rollout.memory_store import Contents
from tests.unit.rollout.world import LEADER, LEASE, TICK, WORD, World, world

__all__ = ["world"]


async def test_the_lease_of_the_users_is_renewed_only_by_who_decides(world: World) -> None:
    await world.at_first_step()
    world.leaders.clear()  # stuck
    for _ in range(round(LEASE / TICK)):
        world.serve()
    assert world.store.policy is not None
    assert world.store.policy.weight == 0, "all users are on stable"


async def test_a_leader_that_cannot_decide_renews_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.at_first_step()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.rollout.trial.decide", broken)
    with capture_logs() as logs:
        await world.run(LEASE + 2)
        await world.first.scene()
    assert logs[0]["event"] == "the rollout cannot be decided on"
    assert "ZeroDivisionError" in world.first.trouble
    assert world.store.policy is not None
    assert world.store.policy.weight == 0
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    assert world.record.phase is Phase.ROLLED_BACK, "people are obeyed"


async def test_a_guard_that_fails_holds_and_the_others_take_it_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.at_first_step()

    def broken(*_: object) -> None:
        raise IndexError("no such bucket")

    monkeypatch.setattr("services.rollout.guards.lists.Lists.measure", broken)
    with capture_logs() as logs:
        await world.run(40)
    told = [(log["event"], log["guard"]) for log in logs if log["log_level"] == "error"]
    assert told == [("a guard failed", "lists")], "once"
    assert (world.record.phase, world.record.step, world.first.trouble) == (Phase.RUNNING, 0, "")
    assert world.store.policy is not None
    assert world.store.policy.weight == 10
    held = world.store.contents.entries[-1]
    assert held.reasons == ("lists: the guard failed: IndexError: no such bucket",)
    world.gateways[0].errors = 0.3
    with capture_logs():
        await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK


async def test_when_all_guards_fail_all_users_are_on_stable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.at_first_step()

    def broken(*_: object) -> None:
        raise IndexError("no bucket at all")

    monkeypatch.setattr("services.rollout.guards.guard.Guard.check", broken)
    with capture_logs():
        await world.run(LEASE + 2)
    assert "NobodyJudgesError: errors: the guard failed: IndexError" in world.first.trouble
    assert world.store.policy is not None
    assert world.store.policy.weight == 0
    monkeypatch.undo()
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


async def test_what_a_frozen_leader_decided_is_not_written(world: World) -> None:
    """It stood still between reading and writing, while another one led and took it back."""
    await world.at_first_step()
    frozen, second = world.first, world.leader("second")

    async def meanwhile() -> None:
        world.leaders = [second]
        world.gateways[0].errors = 1.0
        await world.until(lambda: second.record is not None and second.record.ended)

    world.store.before_commit = meanwhile
    world.serve()
    await frozen.tick()
    assert not frozen.leads
    assert world.record.phase is Phase.ROLLED_BACK
    assert world.kinds[-2:] == [Kind.TAKEN_UP, Kind.ROLL_BACK]
    world.leaders = [frozen]
    await world.run(LEADER + 1)
    assert frozen.record == second.record, "it goes on with what the other one decided"


@pytest.mark.parametrize("kind", ["advance", "abort"])
async def test_what_was_decided_is_not_known_when_the_answer_is_lost(
    world: World, kind: str
) -> None:
    """Redis did it and was away before it answered."""
    await world.at_first_step()
    commit = world.store.commit

    async def unanswered(*given: Any) -> None:
        await commit(*given)
        if given[2].record:
            world.store.commit = commit  # type: ignore[method-assign]
            raise RedisError("no answer")

    world.store.commit = unanswered  # type: ignore[method-assign]
    if kind == "abort":
        with pytest.raises(RedisError):
            await world.first.command(lambda scene: commands.abort(scene, WORD))
        await world.run(TICK)
        assert world.record.why == "aborted by ann: because"
        assert world.kinds.count(Kind.ABORTED) == 1
    else:
        await world.until(lambda: world.record.step == 1)
        assert world.kinds.count(Kind.ADVANCE) == 1
        await world.until(lambda: world.record.ended)
        assert world.record.phase is Phase.PROMOTED


async def test_a_command_that_comes_late_changes_nothing(world: World) -> None:
    """Redis changed between what it was decided on and its writing."""
    await world.at_first_step()

    async def meanwhile() -> None:
        world.store.contents.policy = dump(Policy(99, STABLE)).encode()

    await world.first.tick()
    scene = await world.first.scene()
    assert scene.trial is not None

    def aborted(scene: Scene) -> Change:
        world.store.before_commit = meanwhile
        return commands.abort(scene, WORD)

    with pytest.raises(ConflictError, match="changed meanwhile"):
        await world.first.command(aborted)
    assert Kind.ABORTED not in world.kinds


async def test_a_new_leader_takes_it_up_with_no_more_users(world: World) -> None:
    await world.at_first_step()
    await world.run(10)
    began, version = world.record.since, world.record.policy.version
    world.leaders = [world.leader("second")]
    await world.run(LEADER + HEARING_SECONDS + 1)
    record = world.record
    assert world.kinds[-1] is Kind.TAKEN_UP
    assert (record.step, record.policy.weight) == (0, 10)
    assert record.since > began, "what was counted is not known any more"
    assert record.policy.version > version
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED
    assert world.record.ended_at - record.since >= 40


async def test_the_same_after_a_freeze_begins_the_step_anew(world: World) -> None:
    await world.at_first_step()
    began = world.record.since
    world.clock.now += 60
    await world.run(HEARING_SECONDS + 1)
    assert world.kinds[-1] is Kind.TAKEN_UP
    assert world.record.since > began + 60


async def test_one_that_leaves_is_followed_at_once(world: World) -> None:
    await world.at_first_step()
    await world.first.leave()
    world.leaders = [world.leader("second")]
    await world.run(TICK)
    assert world.first.leads


async def test_of_two_only_one_leads(world: World) -> None:
    world.leaders.append(world.leader("second"))
    await world.started()
    with pytest.raises(NotLeaderError, match="ask first, which leads"):
        await world.leaders[1].command(lambda scene: commands.abort(scene, WORD))
    await world.run(60)
    assert world.record.phase is Phase.PROMOTED
    assert world.kinds.count(Kind.ADVANCE) == 2


async def test_redis_that_comes_back_older_gets_the_newer_state_again(world: World) -> None:
    await world.at_first_step()
    older = world.store.copy()
    await world.until(lambda: world.record.step == 1)
    world.gateways[0].errors = 0.3
    await world.until(lambda: world.record.ended)
    ended = world.record
    world.store.contents = older
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK
    assert world.record.policy.version > ended.policy.version, "gateways take it for newer"
    assert world.kinds[-1] is Kind.RESTORED
    assert world.store.policy is not None
    assert world.store.policy.releases == (STABLE,)


async def led_by_another(world: World) -> tuple[Leader, Leader]:
    """Two processes; the second leads, the first stood still at 50 % and waits."""
    await world.at_first_step()
    await world.until(lambda: world.record.step == 1)
    first, second = world.first, world.leader("second")
    world.leaders = [second]
    await world.run(LEADER + 1)
    world.leaders = [second, first]
    return first, second


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "older"])
async def test_one_that_waits_restores_what_the_leader_wrote(world: World, empty: bool) -> None:
    """It led before, and what it wrote then must not come back."""
    first, second = await led_by_another(world)
    older = world.store.copy()
    world.gateways[0].errors = 0.3
    await world.until(lambda: second.record is not None and second.record.ended, 60)
    await world.run(TICK)
    world.store.contents = Contents() if empty else older
    world.store.contents.leader = ("", 0.0)
    world.leaders, world.gateways[:] = [first], [FakeGateway("g9")]  # which knows nothing either
    await world.run(LEADER + 1)
    assert first.leads
    assert world.record.phase is Phase.ROLLED_BACK
    assert world.store.policy is not None
    assert (world.store.policy.releases, world.store.policy.weight) == ((STABLE,), 0)
    assert world.kinds[-1] is Kind.RESTORED


async def test_one_that_waits_says_once_that_it_knows_better(world: World) -> None:
    await world.started()
    older = world.store.copy()
    await world.run(3)
    world.store.contents = older
    world.store.contents.leader = ("another", world.clock.now + LEASE)
    with capture_logs() as logs:
        await world.run(2)
    told = [log for log in logs if "older rollout" in log["event"]]
    assert len(told) == 1
    assert world.record.phase is Phase.RUNNING


async def test_one_that_never_led_restores_it_too(world: World) -> None:
    await world.at_first_step()
    second = world.leader("second")
    world.leaders.append(second)
    await world.run(2)
    assert second.record == world.record
    world.store.contents = Contents()
    world.leaders = [second]
    await world.run(HEARING_SECONDS + 1)
    assert world.kinds == [Kind.RESTORED]
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


@pytest.mark.parametrize("lost", ["with its leader", "and its leader knows"])
async def test_what_gateways_have_seen_and_nobody_knows_takes_it_back(
    world: World, lost: str
) -> None:
    """Redis and the only leader lost a decision: it may have been that the release is bad."""
    await world.at_first_step()
    older = world.store.copy()
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    await world.run(TICK)
    world.store.contents = older
    if lost == "with its leader":
        world.leaders = [world.leader("second")]
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK
    last = world.store.contents.entries[-1]
    if lost == "with its leader":
        assert "gateways have seen traffic policy 3, which Redis has lost" in last.reasons[0]
    else:
        assert last.kind is Kind.RESTORED
    await world.run(TICK)
    version = world.record.policy.version
    assert {one.report().version for one in world.gateways} == {version}, "they follow again"


async def test_a_gateway_that_comes_later_may_know_of_a_lost_decision(world: World) -> None:
    await world.at_first_step()
    world.gateways.append(FakeGateway("g9", newest=world.record.policy.version + 2))
    await world.run(2)
    assert world.record.phase is Phase.ROLLED_BACK
    assert "gateways have seen traffic policy" in world.record.why


async def test_a_gateway_that_reports_later_than_others_is_heard_too(world: World) -> None:
    """Redis and the leader lost one decision, which one gateway had applied."""
    await world.at_first_step()
    version = world.record.policy.version
    world.leaders = []
    await world.run(LEADER)
    world.leaders = [world.leader("second")]
    await world.run(1)
    assert world.first.leads
    world.gateways.append(FakeGateway("g9", newest=version + 1))
    await world.run(HEARING_SECONDS)
    assert world.record.phase is Phase.ROLLED_BACK
    assert f"gateways have seen traffic policy {version + 1}" in world.record.why


async def test_a_new_leader_hears_gateways_before_the_canary_has_users_again(world: World) -> None:
    await world.at_first_step()
    gone, world.gateways[:] = list(world.gateways), []
    world.leaders = [world.leader("second")]
    await world.run(LEASE + LEADER)
    assert world.first.leads
    assert world.store.policy is not None
    assert world.store.policy.weight == 0
    assert Kind.TAKEN_UP not in world.kinds
    with pytest.raises(ConflictError, match="is being taken up: no gateway reports"):
        await world.first.command(lambda scene: commands.promote(scene, WORD))
    world.gateways[:] = gone
    await world.run(1)
    assert world.kinds[-1] is Kind.TAKEN_UP
    assert (world.record.step, world.record.policy.weight) == (0, 10)


async def test_redis_that_lost_everything_gets_it_again(world: World) -> None:
    await world.at_first_step()
    world.store.contents = type(world.store.contents)()
    await world.run(HEARING_SECONDS + 1)
    assert world.kinds == [Kind.RESTORED]
    assert (world.record.step, world.record.policy.weight) == (0, 10)
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


async def test_a_policy_that_is_not_the_rollouts_is_replaced_but_for_its_layers(
    world: World,
) -> None:
    await world.at_first_step()
    layer = Layer("ranking", "ranking-1", (LayerArm("a", 50, {"x": 1.0}),))
    other = Policy(world.record.policy.version + 5, "other", CANARY, 100, layers=(layer,))
    world.store.contents.policy = dump(other).encode()
    await world.run(TICK)
    policy = world.store.policy
    assert policy is not None
    assert (policy.stable, policy.weight, policy.layers) == (STABLE, 10, (layer,))
    assert policy.version > other.version
    world.store.contents.policy = b"{"
    await world.run(TICK)
    assert world.store.policy is not None
    assert world.store.policy.layers == (layer,)


async def test_redis_that_is_away_loses_nothing(world: World) -> None:
    await world.at_first_step()
    world.store.away = True
    await world.run(3)
    assert world.store.policy is not None
    assert world.store.policy.weight == 10
    await world.run(LEASE)
    assert world.store.policy.weight == 0
    world.store.away = False
    await world.run(HEARING_SECONDS + 1)
    assert world.kinds[-1] is Kind.TAKEN_UP
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


async def test_a_leader_whose_clock_is_behind_has_the_last_word(world: World) -> None:
    """The clock was set, or is another host's: what was decided later stays decided."""
    await world.at_first_step()
    older, first = world.store.copy(), world.first
    config = LeaderConfig("second", TICK, LEADER, LEASE, lambda: world.clock.now - 3600)
    second = Leader(world.store, config)
    world.leaders = [second]
    await world.run(LEADER + 1)
    world.gateways[0].errors = 0.3
    await world.until(lambda: second.record is not None and second.record.ended, 60)
    world.store.contents = deepcopy(older)
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK, "it does not take the older for the newer"
    world.leaders = [first]
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK, "nor does the one that led before"
    assert world.store.policy is not None
    assert world.store.policy.weight == 0
    world.leaders = [second]
    await world.run(LEADER + 1)
    started = await world.started(Order(CANARY, SPEC, "", "bob"))
    world.store.contents = deepcopy(older)
    await world.run(LEADER + 1)
    assert world.record.started_at == started.started_at, "nor when the next one starts"


async def test_what_was_lost_is_not_restored_over_what_was_decided_since(world: World) -> None:
    """Redis lost what a leader wrote before it stood still; another one went on from there."""
    await world.at_first_step()
    older, frozen = world.store.copy(), world.first
    for command in (commands.pause, commands.resume, commands.pause):
        await frozen.command(lambda scene, command=command: command(scene, WORD))
    world.store.contents = older
    world.leaders = [world.leader("second")]
    await world.run(LEADER + 1)
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    assert frozen.record is not None
    assert frozen.record.version > world.record.version
    world.leaders = [frozen]
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK


@pytest.mark.parametrize(
    ("written", "instead", "why"),
    [(b"errors: {}", b"gone: {}", "gone"), (b'"step": 0', b'"step": 7', "no step 8 of 3")],
)
async def test_a_plan_that_cannot_be_followed_any_more_ends_it(
    world: World, written: bytes, instead: bytes, why: str
) -> None:
    await world.at_first_step()
    record = world.store.contents.record
    assert record is not None
    world.store.contents.record = record.replace(written, instead)
    world.leaders = [world.leader("second")]
    await world.run(LEADER + 1)
    assert world.record.phase is Phase.ROLLED_BACK
    assert why in world.record.why


async def test_what_cannot_be_read_is_told_once_and_as_long_as_it_is_so(world: World) -> None:
    await world.at_first_step()
    world.store.problems = ("gateway g9: {",)
    with capture_logs() as logs:
        for _ in range(10):
            await world.run(TICK)
            seen = REGISTRY.get_sample_value("recstack_rollout_problems")
        world.store.problems = ()
        await world.run(2)
    assert seen == 1, "also between two looks"
    assert [log["problem"] for log in logs if "problem" in log] == ["gateway g9: {"]
    assert REGISTRY.get_sample_value("recstack_rollout_problems") == 0


async def test_a_record_that_cannot_be_read_is_named(world: World) -> None:
    await world.at_first_step()
    world.store.contents.record = b"{"
    world.leaders = [world.leader("second")]
    await world.run(LEASE + LEADER)
    assert world.store.policy is not None
    assert world.store.policy.weight == 0, "nobody leads it"
    with pytest.raises(ConflictError, match=r"no rollout runs; the record .* cannot be read"):
        await world.first.command(lambda scene: commands.abort(scene, WORD))
