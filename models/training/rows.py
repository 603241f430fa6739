"""Training rows of prerank and rank: candidate lists whose answer is known."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.training.log import Log
from models.training.split import Queries
from services.domain.arrays import F32, I64, Bools
from services.domain.candidates import Candidates, best_first

Features = Callable[[int], F32]  # of all candidates of the i-th labelled list, float32 [n, R]


@dataclass(frozen=True)
class Labelled:
    """Lists that hold their answer.

    Attributes:
        queries: index of each list's query.
        candidates: the lists.
        answers: place of the answer in each list, int64 [S].
        negatives: which candidates count as not wanted, each bool [n].
        positions: where each candidate was shown, from 1, each int64 [n]; 0: it was not. Empty:
            no list was shown.
    """

    queries: I64
    candidates: list[Candidates]
    answers: I64
    negatives: list[Bools]
    positions: list[I64] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.queries)

    def judged(self, i: int) -> I64:
        """Places of the candidates that the answer is compared with, and its own, ascending.

        Of a list that was shown: what was shown and not wanted; what was not says nothing.
        """
        if not self.positions:
            return np.arange(len(self.candidates[i]))
        return np.union1d(np.flatnonzero(self.negatives[i]), self.answers[i : i + 1])

    @property
    def usable(self) -> I64:
        """The lists that teach something: those with a negative."""
        return np.flatnonzero([negative.any() for negative in self.negatives])


@dataclass(frozen=True)
class Rows:
    """Candidates of S lists, one list after the other, the answer first in each; N in all.

    Attributes:
        queries: index of each list's query, int64 [S].
        sizes: candidates of each list, int64 [S].
        items: item rows, int64 [N].
        features: float32 [N, R].
        positions: see Labelled, int64 [N].
    """

    queries: I64
    sizes: I64
    items: I64
    features: F32
    positions: I64

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def owners(self) -> I64:
        """The list of each candidate, int64 [N]."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def take(self, at: I64) -> "Rows":
        """The lists at these places."""
        sizes = self.sizes[at]
        first = (np.cumsum(self.sizes) - self.sizes)[at] - (np.cumsum(sizes) - sizes)
        places = np.repeat(first, sizes) + np.arange(sizes.sum())
        return Rows(
            self.queries[at],
            sizes,
            self.items[places],
            self.features[places],
            self.positions[places],
        )


def label(log: Log, queries: Queries, lists: list[Candidates], ends: I64) -> Labelled:
    """Keeps the lists in which recall found the answer; negatives are never engaged with.

    Args:
        ends: events of each user that may be looked at for negatives; what is held out lies after.
    """
    kept, answers, negatives = [], [], []
    for i, candidates in enumerate(lists):
        place = np.flatnonzero(candidates.rows == queries.targets[i])
        if len(place):
            kept.append(i)
            answers.append(int(place[0]))
            begin = log.offsets[queries.users[i]]
            engaged = log.rows[begin : begin + ends[queries.users[i]]]
            negative = ~np.isin(candidates.rows, engaged)
            negative[place[0]] = False
            negatives.append(negative)
    index = np.array(kept, np.int64)
    return Labelled(index, [lists[i] for i in kept], np.array(answers, np.int64), negatives)


def cut(labelled: Labelled, scores: list[F32], limit: int) -> Labelled:
    """The best `limit` candidates of each list; a list that loses its answer is left out.

    Putting the answer back would mark it: nothing else in the list would score as low.
    """
    kept, candidates, answers, negatives = [], [], [], []
    for i, one in enumerate(labelled.candidates):
        order = best_first(scores[i], limit)
        place = np.flatnonzero(order == labelled.answers[i])
        if len(place):
            kept.append(i)
            candidates.append(one.take(order))
            answers.append(int(place[0]))
            negatives.append(labelled.negatives[i][order])
    index = labelled.queries[np.array(kept, np.int64)]
    return Labelled(index, candidates, np.array(answers, np.int64), negatives)


def sample(
    labelled: Labelled, at: I64, width: int, features: Features, generator: np.random.Generator
) -> Rows:
    """The answer and up to width - 1 random negatives of each of the lists `at`."""
    places = [_places(labelled, int(i), width, generator) for i in at]
    return rows_of(labelled, at, places, features)


def rows_of(labelled: Labelled, at: I64, places: list[I64], features: Features) -> Rows:
    """Rows of the candidates at these places of the lists `at`."""
    chosen = list(zip(at.tolist(), places, strict=True))
    none = np.zeros(0, np.int64)
    shown = [labelled.positions[i][p] for i, p in chosen if labelled.positions]
    sizes = np.array([len(p) for p in places], np.int64)
    return Rows(
        labelled.queries[at],
        sizes,
        np.concatenate([none, *(labelled.candidates[i].rows[p] for i, p in chosen)]),
        np.concatenate([features(i)[p] for i, p in chosen]) if chosen else np.empty((0, 0), "f4"),
        np.concatenate(shown) if shown else np.zeros(sizes.sum(), np.int64),
    )


def _places(labelled: Labelled, i: int, width: int, generator: np.random.Generator) -> I64:
    negatives = np.flatnonzero(labelled.negatives[i])
    if len(negatives) >= width:
        negatives = generator.choice(negatives, width - 1, replace=False)
    return np.append(labelled.answers[i], negatives)
