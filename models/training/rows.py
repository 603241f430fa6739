"""Training rows of prerank and rank: candidate lists whose answer is known."""

from dataclasses import dataclass

import numpy as np

from models.schema.recall_features import recall_features
from models.training.candidates import CHANNELS
from models.training.log import Log
from models.training.split import Queries
from services.domain.arrays import F32, I64, Bools
from services.domain.candidates import Candidates, best_first


@dataclass(frozen=True)
class Rows:
    """Lists of equal width with the answer first, as int64 or float32 arrays.

    Attributes:
        queries: index of each list's query, int64 [S].
        items: item rows, int64 [S, W]; column 0 is the answer.
        recall: recall features, float32 [S, W, R].
    """

    queries: I64
    items: I64
    recall: F32

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True)
class Labelled:
    """Lists that hold their answer.

    Attributes:
        queries: index of each list's query.
        candidates: the lists.
        answers: place of the answer in each list, int64 [S].
        negatives: which candidates the user never engages with in training, each bool [n].
    """

    queries: I64
    candidates: list[Candidates]
    answers: I64
    negatives: list[Bools]

    def __len__(self) -> int:
        return len(self.queries)


def label(log: Log, queries: Queries, lists: list[Candidates], ends: I64) -> Labelled:
    """Keeps the lists in which recall found the answer.

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


def sample(labelled: Labelled, width: int, generator: np.random.Generator) -> Rows:
    """Rows of the answer and width - 1 random negatives; with repeats where a list is short.

    Lists without a negative are left out.
    """
    usable = [i for i, negative in enumerate(labelled.negatives) if negative.any()]
    size = 3 * len(CHANNELS)
    items = np.zeros((len(usable), width), np.int64)
    recall = np.zeros((len(usable), width, size), np.float32)
    for s, i in enumerate(usable):
        negatives = np.flatnonzero(labelled.negatives[i])
        drawn = generator.choice(negatives, width - 1, replace=len(negatives) < width - 1)
        places = np.append(labelled.answers[i], drawn)
        items[s] = labelled.candidates[i].rows[places]
        recall[s] = recall_features([labelled.candidates[i]], len(CHANNELS))[places]
    return Rows(labelled.queries[usable], items, recall)
