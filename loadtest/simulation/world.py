"""A world: its people, its items, and what one thinks of the other."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loadtest.simulation import words
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.items import MAIN, SECOND, Items
from loadtest.simulation.tastes import REGIONS, Tastes
from loadtest.simulation.truth import BASE
from services.domain.arrays import F32, I64

USER, ITEM, SESSION = "sim-u", "sim-i", "sim-s"


@dataclass(frozen=True, slots=True)
class Shown:
    """What everybody can see of an item."""

    item_id: str
    title: str
    category: str
    tags: tuple[str, ...]
    text: str
    price: str
    maker: str


@dataclass(frozen=True)
class World:
    """The truth about a config; nothing in it changes."""

    config: WorldConfig

    @cached_property
    def items(self) -> Items:
        return Items.of(self.config)

    @cached_property
    def tastes(self) -> Tastes:
        return Tastes.of(self.config)

    def liking(self, g: F32, rows: I64) -> F32:
        """w1 g_t1 + w2 g_t2 of the truth, float32 [m, l].

        Args:
            g: what m people think of topics, from Tastes.at, float32 [m, TOPICS].
            rows: items of each, int64 [m, l]; or of all, int64 [l].
        """
        topics = np.broadcast_to(self.items.topics[rows], (len(g), *rows.shape[-1:], 2))
        first = np.take_along_axis(g, topics[..., 0], axis=1)
        second = np.take_along_axis(g, topics[..., 1], axis=1)
        return np.asarray(MAIN * first + SECOND * second, np.float32)

    def logits(self, g: F32, rows: I64) -> F32:
        """The logit of r before fatigue, float32 [m, l]; arguments as of `liking`."""
        return np.asarray(BASE + self.liking(g, rows) + self.items.quality[rows], np.float32)

    def item_rows(self, item_ids: list[str]) -> I64:
        """Rows by id, -1 where there is no such item."""
        found = [_number(item_id, ITEM) for item_id in item_ids]
        rows = np.array(found, np.int64)
        return np.where(rows < len(self.items), rows, -1)

    def shown(self, row: int) -> Shown:
        """What can be seen of an item; the same each time."""
        items, generator = self.items, np.random.default_rng([self.config.seed, 3, row])
        return Shown(
            item_id_of(row),
            words.title(int(items.topics[row, 0]), row),
            words.CATEGORIES[items.category[row]],
            tuple(words.tags(generator)),
            words.text(items.topics[row], generator),
            price=f"{np.exp(0.5 * items.price[row]) * 20:.2f}",
            maker=f"maker {items.maker[row]}",
        )

    def profile(self, person: int) -> dict[str, str]:
        """What can be seen of a person."""
        age, region = self.tastes.age[person], self.tastes.region[person]
        return {"age": str(age), "region": REGIONS[region]}


def item_id_of(row: int) -> str:
    """Id of an item."""
    return f"{ITEM}{row:06}"


def user_id_of(person: int) -> str:
    """Id of a person who has one."""
    return f"{USER}{person:06}"


def _number(text: str, prefix: str) -> int:
    digits = text.removeprefix(prefix)
    return int(digits) if text != digits and digits.isdecimal() else -1
