"""What people may do to a rollout, and when."""

import pytest

from services.rollout import commands
from services.rollout.commands import Order, Word
from services.rollout.errors import ConflictError
from services.rollout.phase import Phase
from services.rollout.record import Kind
from tests.rollouts import CANARY, SPEC, STABLE
from tests.unit.rollout.world import WORD, World, world

__all__ = ["world"]


async def test_people_decide(world: World) -> None:
    await world.started()
    with pytest.raises(ConflictError, match="still prepared"):
        await world.first.command(lambda scene: commands.pause(scene, WORD))
    await world.run(3)
    await world.first.command(lambda scene: commands.promote(scene, WORD))
    assert (world.record.step, world.record.policy.weight) == (1, 50)
    with pytest.raises(ConflictError, match="not all gateways are ready"):
        await world.first.command(lambda scene: commands.promote(scene, WORD))
    await world.run(2)
    await world.first.command(lambda scene: commands.pause(scene, WORD))
    await world.run(60)
    assert (world.record.phase, world.record.step) == (Phase.PAUSED, 1)
    with pytest.raises(ConflictError, match=r"is paused \(paused by ann: because\): resume it"):
        await world.first.command(lambda scene: commands.promote(scene, WORD))
    await world.first.command(lambda scene: commands.resume(scene, WORD))
    late = Word("ann", "", step=0)
    with pytest.raises(ConflictError, match="at step 2 by now"):
        await world.first.command(lambda scene: commands.promote(scene, late))
    with pytest.raises(ConflictError, match="runs, not other"):
        await world.first.command(lambda scene: commands.abort(scene, Word("ann", "", "other")))
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    assert world.record.phase is Phase.ROLLED_BACK
    assert world.record.why == "aborted by ann: because"
    with pytest.raises(ConflictError, match="no rollout runs"):
        await world.first.command(lambda scene: commands.abort(scene, WORD))
    words = [Kind.PROMOTED, Kind.PAUSED, Kind.RESUMED, Kind.ABORTED]
    assert [k for k in world.kinds if k in words] == words
    said = [entry for entry in world.store.contents.entries if entry.kind in words]
    assert {entry.by for entry in said} == {"ann"}


async def test_guards_take_back_what_is_paused(world: World) -> None:
    await world.at_first_step()
    await world.first.command(lambda scene: commands.pause(scene, WORD))
    world.gateways[0].errors = 0.5
    await world.until(lambda: world.record.ended)
    assert world.record.phase is Phase.ROLLED_BACK


async def test_one_rollout_at_a_time(world: World) -> None:
    await world.started()
    with pytest.raises(ConflictError, match="there is one at a time"):
        await world.started()


async def test_what_is_stable(world: World) -> None:
    world.gateways[1].stable = "other"
    with pytest.raises(ConflictError, match="other and r1: name the stable one"):
        await world.started()
    record = await world.started(Order(CANARY, SPEC, "other", "ann"))
    assert record.stable == "other"
    await world.first.command(lambda scene: commands.abort(scene, WORD))
    with pytest.raises(ConflictError, match="policy says other, not r1"):
        await world.started(Order(CANARY, SPEC, STABLE, "ann"))
