"""The items of all releases that are loaded here, for calls that are of no release."""

from collections.abc import Callable, Sequence

from services.domain.arrays import U64, Bools
from services.gateway.item_view import ItemView
from services.gateway.release import GatewayRelease
from services.items.table import ItemTable


class Views:
    """What is known of items. A canary's users see, and click, items that only the canary has.

    Args:
        stable: the release that answers most now.
        held: every release that is loaded.
        table: what was put, hidden, expired and deleted meanwhile.
    """

    def __init__(
        self,
        stable: Callable[[], GatewayRelease],
        held: Callable[[], Sequence[GatewayRelease]],
        table: ItemTable,
    ) -> None:
        self._stable = stable
        self._held = held
        self.table = table

    def stable(self) -> ItemView:
        """The items of the stable release."""
        return ItemView(self._stable(), self.table)

    def all(self) -> tuple[ItemView, ...]:
        """The items of each release, stable's first."""
        stable = self._stable()
        others = (release for release in self._held() if release is not stable)
        return tuple(ItemView(release, self.table) for release in (stable, *others))

    def of(self, item_id: str) -> ItemView:
        """The items of the first release that has the item; of stable, if none has."""
        views = self.all()
        return next((view for view in views if view.row_of(item_id) is not None), views[0])

    def known(self, keys: U64) -> Bools:
        """Which keys are of a release or were put and not deleted, bool [n]."""
        known = self.stable().known(keys)
        if not known.all():
            for view in self.all()[1:]:
                known |= view.known(keys)
        return known

    def ids(self, keys: U64) -> list[str]:
        """Ids of items by their keys; empty where nobody knows it."""
        ids = [""] * len(keys)
        for view in self.all():
            rows = view.release.catalog.rows_of(keys).tolist()
            names = view.release.catalog.ids
            ids = [
                name or (names[row] if row >= 0 else "")
                for name, row in zip(ids, rows, strict=True)
            ]
        records = map(self.table.get, keys.tolist())
        return [
            name or (record.item_id if record is not None else "")
            for name, record in zip(ids, records, strict=True)
        ]
