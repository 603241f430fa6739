"""The leader goes on, holds or takes back, by what gateways report."""

import pytest

from services.domain.traffic import Arm, Layer, LayerArm, Policy, Shadow
from services.domain.traffic_document import dump
from services.domain.traffic_report import GatewayReport
from services.rollout import commands, watch
from services.rollout.commands import Order
from services.rollout.phase import Phase
from services.rollout.record import Kind
from services.rollout.trial import TRIED_SECONDS
from tests.rollouts import CANARY, SPEC, STABLE, FakeGateway
from tests.unit.rollout.world import LEASE, TICK, WORD, World, world

__all__ = ["world"]


async def test_a_good_release_reaches_everybody_by_steps(world: World) -> None:
    await world.started()
    weights = []
    for _ in range(200):
        await world.run(TICK)
        policy = world.store.policy
        assert policy is not None
        weights.append(policy.weight)
        assert policy.control == policy.weight
    assert world.record.phase is Phase.PROMOTED
    assert sorted(set(weights)) == [0, 10, 50], "then it is the stable one"
    assert world.store.policy == Policy(
        world.record.policy.version, CANARY, salt="rollout-id", lease_seconds=LEASE
    )
    assert world.kinds == [Kind.STARTED, Kind.PREPARED, Kind.ADVANCE, Kind.ADVANCE]
    looks = [entry for entry in world.store.contents.entries if entry.verdicts]
    assert all({v.guard for v in entry.verdicts} == {"errors", "lists"} for entry in looks)
    last = looks[-1]
    assert last.verdicts[0].numbers["evidence"] < last.verdicts[0].numbers["threshold"] == 400
    assert last.arms["canary"]["requests"] >= 200


async def test_a_bad_release_is_taken_back(world: World) -> None:
    world.gateways[0].errors = 0.3
    await world.started()
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK
    assert "errors: worse" in world.record.why
    assert world.store.policy is not None
    assert world.store.policy.releases == (STABLE,)
    rollback = world.store.contents.entries[-1]
    errors = next(v for v in rollback.verdicts if v.guard == "errors")
    assert errors.numbers["canary"] == pytest.approx(0.15)
    assert errors.numbers["evidence"] >= errors.numbers["threshold"]


async def test_layers_stay_and_the_salt_is_new(world: World) -> None:
    layer = Layer("ranking", "ranking-1", (LayerArm("a", 50, {"x": 1.0}),))
    world.store.contents.policy = dump(Policy(41, STABLE, layers=(layer,))).encode()
    await world.started()
    salt = world.record.policy.salt
    await world.until(lambda: world.record.ended)
    assert world.record.policy.layers == (layer,)
    assert world.record.policy.version > 41
    again = Order(STABLE, SPEC, "", "ann")
    record = await world.first.command(lambda scene: commands.start(scene, again, "id2", LEASE))
    assert record.stable == CANARY
    assert record.policy.salt != salt


@pytest.mark.parametrize("missing", ["policy", "canary", "stage"])
async def test_it_has_no_users_before_every_gateway_has_it(world: World, missing: str) -> None:
    late = world.gateways[1]
    if missing == "canary":
        late.stages = {**late.stages, "rank": {STABLE: "loaded", CANARY: "loading"}}
    if missing == "stage":
        late.stages = {**late.stages, "recall": {}}
    await world.started()
    if missing == "policy":
        for _ in range(40):
            world.serve()
            late.policy, late.newest = Policy(0, STABLE), 0
            await world.first.tick()
    else:
        await world.run(20)
    assert world.record.phase is Phase.PREPARING
    assert world.record.policy.weight == 0
    late.stages = dict(world.gateways[0].stages)
    await world.run(2)
    assert world.record.phase is Phase.RUNNING


async def test_nobody_alive_has_it(world: World) -> None:
    await world.started()
    gone, world.gateways[:] = list(world.gateways), []
    await world.run(60)
    assert world.record.phase is Phase.PREPARING
    world.gateways[:] = gone
    await world.run(2)
    assert world.record.phase is Phase.RUNNING


async def test_a_release_that_is_refused_ends_it(world: World) -> None:
    world.gateways[1].stages["rank"] = {STABLE: "loaded", CANARY: "refused: its hash is wrong"}
    await world.started()
    await world.run(TRIED_SECONDS - TICK)
    assert world.record.phase is Phase.PREPARING, "it may have been refused before"
    await world.run(2 * TICK)
    assert world.record.phase is Phase.REFUSED
    assert world.record.why == "r2 is refused: its hash is wrong (rank of g1)"
    assert world.store.policy is not None
    assert world.store.policy.releases == (STABLE,)


async def test_without_reports_it_waits_for_ever(world: World) -> None:
    await world.at_first_step()
    gone, world.gateways[:] = list(world.gateways), []
    await world.run(90)
    assert (world.record.phase, world.record.step) == (Phase.RUNNING, 0)
    world.gateways[:] = gone
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


async def test_a_gateway_without_requests_holds_it(world: World) -> None:
    await world.at_first_step()
    for gateway in world.gateways:
        gateway.requests = 0
    await world.run(90)
    assert world.record.step == 0
    assert any("no request" in reason for reason in world.store.contents.entries[-1].reasons)


async def test_a_gateway_that_disappears_takes_nothing_along(world: World) -> None:
    await world.at_first_step()
    await world.run(5)
    del world.gateways[0]
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.PROMOTED


async def test_a_gateway_that_lacks_it_stops_the_next_step(world: World) -> None:
    await world.at_first_step()
    restarted = FakeGateway("g9", stages={"gateway": {STABLE: "loaded", CANARY: "loading"}})
    world.gateways.append(restarted)
    await world.run(60)
    assert world.record.step == 0
    assert "gateway g9" in world.store.contents.entries[-1].reasons[0]
    restarted.stages = {"gateway": {STABLE: "loaded", CANARY: "loaded"}}
    await world.until(lambda: world.record.step == 1)


async def test_a_gateway_that_is_not_understood_stops_every_step_and_no_rollback(
    world: World,
) -> None:
    world.store.problems = ("gateway g9: the report cannot be read",)
    await world.started()
    await world.run(10)
    assert world.record.phase is Phase.PREPARING
    world.store.problems = ()
    await world.run(2)
    world.store.problems = ("gateway g9: the report cannot be read",)
    await world.run(60)
    assert (world.record.phase, world.record.step) == (Phase.RUNNING, 0)
    assert "gateway g9" in world.store.contents.entries[-1].reasons[0]
    world.gateways[0].errors = 0.3
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK


async def test_what_cannot_be_counted_stops_every_step_and_no_rollback(world: World) -> None:
    await world.at_first_step()
    odd = FakeGateway("g9", counted={(CANARY, Arm.CANARY): {"requests": 9, "errors": -1}})
    world.gateways.append(odd)
    await world.run(60)
    assert (world.record.phase, world.record.step) == (Phase.RUNNING, 0)
    look = world.store.contents.entries[-1]
    assert look.reasons[0] == "gateway g9: errors: counts from 0 expected"
    assert look.arms["canary"]["requests"] > 1000
    world.gateways[0].errors = 0.3
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK


async def test_while_it_is_prepared_it_is_told_what_is_waited_for(world: World) -> None:
    late = world.gateways[1]
    late.stages = {**late.stages, "rank": {STABLE: "loaded", CANARY: "loading"}}
    await world.started()
    await world.run(2)
    view = watch.view(await world.first.scene())
    assert view.look is not None
    assert view.look.reasons == ("gateway g1: rank: r2 is loading",)
    assert world.kinds == [Kind.STARTED], "it is in no log"
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    assert world.record.phase is Phase.ROLLED_BACK
    assert world.store.policy is not None
    assert world.store.policy.releases == (STABLE,)


async def test_the_next_policy_is_above_what_gateways_say_they_follow(world: World) -> None:
    """Redis lost the policy, and who leads never knew it."""
    world.gateways[1].policy = Policy(99, STABLE)
    record = await world.started()
    assert record.policy.version == 100


@pytest.mark.parametrize("version", [2**53, 2**63 - 1, 2**80])
async def test_a_version_beyond_all_others_stops_no_rollback(world: World, version: int) -> None:
    await world.at_first_step()
    odd = FakeGateway("g9")
    odd.report = lambda: GatewayReport("g9", 1.0, version, False, {})  # type: ignore[method-assign]
    world.gateways.append(odd)
    world.gateways[0].errors = 0.3
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK


async def test_the_shadow_of_a_rollout_is_its_release(world: World) -> None:
    await world.at_first_step()
    assert world.record.policy.shadow == Shadow(CANARY, 5)
    await world.until(lambda: world.record.ended)
    assert world.record.policy.shadow is None
