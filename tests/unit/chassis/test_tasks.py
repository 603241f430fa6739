"""Background work ends, also when a cancellation is lost."""

import asyncio

from services.chassis.tasks import end


async def test_a_task_that_loses_cancellations_ends_nevertheless() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async def failing() -> None:
        raise RuntimeError("dropped")

    tasks = [asyncio.create_task(work) for work in (stubborn(), failing(), asyncio.sleep(60))]
    await asyncio.sleep(0)
    await end(*tasks)
    assert all(task.done() for task in tasks)
    assert lost == 3


async def test_nothing_to_end() -> None:
    await end()
