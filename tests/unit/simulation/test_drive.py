"""A drive that breaks off leaves the catalog as it was, but for what was dead before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from loadtest.simulation import drive as driving
from loadtest.simulation.catalog import LiveCatalog
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.drive import Course, drive
from loadtest.simulation.people import People
from loadtest.simulation.world import World, item_id_of
from recstack import ClientError
from recstack.catalog_results import CatalogItem, Changed
from tests.bench.simulated import faults

WORLD = World(WorldConfig(users=50, items=300, seed=5))
END = WORLD.config.days


class Stack:
    """A catalog that takes changes, and breaks when it is told to after it took them."""

    def __init__(self) -> None:
        self.items = {item_id_of(row) for row in range(WORLD.items.count)}
        self.breaks_at: set[str] = set()

    async def put_items(self, items: Sequence[CatalogItem], timeout: float) -> Changed:
        self.items |= {item.item_id for item in items}
        return self._answer("put")

    async def delete_items(self, ids: Sequence[str], timeout: float) -> Changed:
        self.items -= set(ids)
        return self._answer("delete")

    def _answer(self, what: str) -> Changed:
        if what in self.breaks_at:
            self.breaks_at.clear()
            raise ClientError("the answer was lost")
        return Changed(1, ())

    async def recommend(self, *_: object, **__: object) -> None:
        raise RuntimeError("nobody expected this")

    async def close(self) -> None:
        return None


def alive() -> set[str]:
    return {
        item_id_of(int(row)) for row in np.flatnonzero(WORLD.items.dies[: WORLD.items.count] > END)
    }


@pytest.mark.parametrize("breaks_at", ["put", "delete"])
async def test_a_change_whose_answer_is_lost_is_taken_back_and_tried_again(breaks_at: str) -> None:
    stack: Any = Stack()
    catalog = LiveCatalog(WORLD, stack)
    await catalog.begin()
    stack.breaks_at = {breaks_at}
    with pytest.raises(ClientError):
        await catalog.go_on(END + 20)
    await catalog.go_on(END + 20)
    born = WORLD.items.alive(END + 20)
    assert stack.items == {item_id_of(int(row)) for row in np.flatnonzero(born)}
    assert len(set(catalog.born)) == len(catalog.born) > 0
    await catalog.end()
    assert stack.items == alive()


async def test_a_drive_that_fails_takes_its_changes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack()
    monkeypatch.setattr(driving, "AsyncClient", lambda *_: stack)

    async def some_days(self: LiveCatalog) -> None:
        await self.go_on(END + 20)

    monkeypatch.setattr(LiveCatalog, "begin", some_days)
    before = set(stack.items)
    with pytest.raises(RuntimeError, match="nobody expected"):
        await drive(People(WORLD), Course("nowhere", seconds=0.1, rate=200.0))
    assert stack.items == before


def test_a_bench_with_lists_that_are_not_as_asked_says_so() -> None:
    fine = dict.fromkeys(
        ("short", "degraded", "gone", "unknown", "events_failed", "catalog_failed"), 0
    )
    assert faults({**fine, "failed": {}}) == []
    found = faults({**fine, "failed": {"UnavailableError": 2}, "short": 3, "degraded": 0.1})
    assert found == ["failed {'UnavailableError': 2}", "short 3", "degraded 0.1"]
