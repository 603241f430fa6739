"""Splits of a data set for plain models."""

from dataclasses import dataclass, replace

import numpy as np

from models.data.dataset import Tables
from models.evaluation import EvaluationError, splits
from models.evaluation.plain.split import PlainSplit, of_columns
from models.training.log import Log
from services.domain.arrays import F32

PROTOCOLS = ("last-out", "time", "random", "k-fold")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How interactions are held out.

    Attributes:
        name: one of PROTOCOLS.
        share: of the interactions, for time and random.
        folds: for k-fold.
        seed: of what is drawn.
    """

    name: str = "last-out"
    share: float = 0.2
    folds: int = 5
    seed: int = 1

    def __str__(self) -> str:
        return {
            "last-out": "last item of each user",
            "time": f"newest {self.share:.0%} of all interactions by one moment",
            "random": f"random {self.share:.0%} of the interactions, seed {self.seed}",
            "k-fold": f"{self.folds} random folds of the interactions, seed {self.seed}",
        }[self.name]


def splits_of(log: Log, tables: Tables, protocol: Protocol) -> list[PlainSplit]:
    """The splits of a data set: one, or one a fold. An item counts once a user, at its first event.

    Raises:
        EvaluationError: for a protocol there is not, or data without times split by time.
    """
    first = np.flatnonzero(log.new)
    users, rows, order = log.users[first], log.rows[first], log.positions[first]
    if protocol.name == "last-out":
        held_out = [splits.last_out(users, order)]
    elif protocol.name == "time":
        if not log.has_clock:
            raise EvaluationError("the data has no times; hold out by last-out, random or k-fold")
        held_out = [splits.after(log.times[first].astype(np.int64), protocol.share)]
    elif protocol.name == "random":
        held_out = [splits.random_share(len(first), protocol.share, protocol.seed)]
    elif protocol.name == "k-fold":
        fold = splits.folds(len(first), protocol.folds, protocol.seed)
        held_out = [fold == number for number in range(protocol.folds)]
    else:
        names = ", ".join(PROTOCOLS)
        raise EvaluationError(f"there is no protocol {protocol.name!r}; there are {names}")
    ids = tables.items["item_id"].to_list()
    categories = _categories(tables)
    return [replace(of_columns(users, rows, one, ids), categories=categories) for one in held_out]


def _categories(tables: Tables) -> F32:
    """1 for each category of an item, float32 [n, c]."""
    lists = tables.items["categories"].to_list()
    code = {name: c for c, name in enumerate(sorted({n for names in lists for n in names}))}
    found = np.zeros((len(lists), len(code)), np.float32)
    for row, names in enumerate(lists):
        found[row, [code[name] for name in names]] = 1.0
    return found
