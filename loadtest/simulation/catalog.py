"""Items that are born and die in a running stack as they do in the world."""

from collections.abc import Awaitable, Sequence

import numpy as np

from loadtest.simulation.world import World, item_id_of
from recstack import AsyncClient
from recstack.catalog_results import CatalogItem, Changed
from services.domain.arrays import I64

MOST = 500  # items a call
PATIENCE = 10.0  # seconds


class LiveCatalog:
    """Tells a stack what the world's items do, and takes it back at the end.

    Attributes:
        gone: rows whose deletion was acknowledged.
        born, died: items put and deleted since `begin`; noted before the stack is told, so that
            `end` takes back what a call that broke off may have done.
        failed: items that the stack did not take.
    """

    def __init__(self, world: World, client: AsyncClient) -> None:
        self._world = world
        self._client = client
        self._day = world.config.days
        self.gone: set[int] = set()
        self.born: list[int] = []
        self.died: list[int] = []
        self.failed = 0

    async def begin(self) -> None:
        """Deletes what died before the log ended: a log does not say so."""
        await self._delete(np.flatnonzero(self._world.items.dies <= self._day))

    async def go_on(self, day: float) -> None:
        """Puts who was born since the last call that succeeded, deletes who died."""
        items = self._world.items
        born = np.flatnonzero((items.born > self._day) & (items.born <= day) & (items.dies > day))
        died = np.flatnonzero((items.dies > self._day) & (items.dies <= day) & (items.born <= day))
        _note(self.born, born)
        await self._put(born)
        _note(self.died, died)
        await self._delete(died)
        self._day = day

    async def end(self) -> None:
        """The newborn go, the dead of the drive come back: the next drive begins where this did."""
        await self._delete(np.array(self.born, np.int64))
        back = [row for row in self.died if row < self._world.items.count]
        await self._put(np.array(back, np.int64))

    async def _put(self, rows: I64) -> None:
        for some in _parts(rows):
            items = [self._item(int(row)) for row in some]
            await self._change(some, self._client.put_items(items, timeout=PATIENCE))
            self.gone -= set(some.tolist())

    async def _delete(self, rows: I64) -> None:
        for some in _parts(rows):
            ids = [item_id_of(int(row)) for row in some]
            if await self._change(some, self._client.delete_items(ids, timeout=PATIENCE)):
                self.gone |= set(some.tolist())

    async def _change(self, rows: I64, call: Awaitable[Changed]) -> bool:
        """Whether all were changed."""
        changed = await call
        self.failed += len(changed.errors)
        return not changed.errors

    def _item(self, row: int) -> CatalogItem:
        shown = self._world.shown(row)
        return CatalogItem(
            shown.item_id,
            shown.title,
            (shown.category,),
            shown.tags,
            {"price": shown.price, "maker": shown.maker},
            shown.text,
        )


def _note(rows: list[int], more: I64) -> None:
    """Once each: what is tried again is noted already."""
    known = set(rows)
    rows += [row for row in more.tolist() if row not in known]


def _parts(rows: I64) -> Sequence[I64]:
    return [rows[start : start + MOST] for start in range(0, len(rows), MOST)]
