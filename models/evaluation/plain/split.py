"""Training and test interactions as sparse matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from models.evaluation import EvaluationError
from models.evaluation.plain.files import PlainFile
from services.domain.arrays import F32, I64, Bools


@dataclass(frozen=True)
class PlainSplit:
    """What is known and what is to be found. All matrices are binary float64 CSR [U, n].

    Attributes:
        train, test: an interaction is in one of them.
        items: ids by column.
        negatives: where ranking is sampled, what each user's test items are ranked among.
        sampled: how the negatives came about; empty: the whole catalog is ranked.
        categories: of items, float32 [n, c]; c = 0: not known.
        notes: what was counted, for the report.
    """

    train: csr_matrix
    test: csr_matrix
    items: Sequence[str]
    negatives: csr_matrix | None = None
    sampled: str = ""
    categories: F32 = field(default_factory=lambda: np.empty((0, 0), np.float32))
    notes: Mapping[str, int] = field(default_factory=dict)

    def with_negatives(self, count: int, seed: int) -> "PlainSplit":
        """Ranks the test items among `count` random items that the user never had."""
        rng = np.random.default_rng(seed)
        had = self.train + self.test
        users = np.flatnonzero(np.diff(self.test.indptr))
        free = self.train.shape[1] - int(np.diff(had.indptr)[users].max(initial=0))
        if count > free:
            raise EvaluationError(f"{count} negatives, but a user has only {free} items to draw")
        drawn = np.zeros((len(users), count), np.int64)
        for place, user in enumerate(users):
            others = np.setdiff1d(np.arange(self.train.shape[1]), had[user].indices)
            drawn[place] = rng.choice(others, count, replace=False)
        negatives = binary(np.repeat(users, count), drawn.ravel(), self.train.shape)
        return replace(self, negatives=negatives, sampled=f"{count} random negatives a user")


def binary(users: I64, items: I64, shape: tuple[int, int]) -> csr_matrix:
    """1 for each pair, however often it is there."""
    matrix = csr_matrix((np.ones(len(users)), (users, items)), shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def of_columns(users: I64, items: I64, held_out: Bools, ids: Sequence[str]) -> PlainSplit:
    """The interactions of a data set, the held-out ones as test; pairs are distinct."""
    shape = (int(users.max(initial=-1)) + 1, len(ids))
    train = binary(users[~held_out], items[~held_out], shape)
    test = binary(users[held_out], items[held_out], shape)
    return _checked(PlainSplit(train, test, ids))


def of_files(train: PlainFile, test: PlainFile, negatives: PlainFile | None = None) -> PlainSplit:
    """A published split; the catalog is every item of any of the files."""
    files = [train, test] if negatives is None else [train, test, negatives]
    user_of = _numbers([user for file in files for user in file.users])
    item_of = _numbers([item for file in files for item in file.items])
    shape = (len(user_of), len(item_of))
    matrices = [
        binary(
            np.fromiter((user_of[user] for user in file.users), np.int64, len(file)),
            np.fromiter((item_of[item] for item in file.items), np.int64, len(file)),
            shape,
        )
        for file in files
    ]
    known = np.asarray(matrices[0].sum(axis=0)).ravel() > 0
    trained = set(train.users)
    notes = {
        "lines given twice in training": len(train) - int(matrices[0].nnz),
        "lines given twice in test": len(test) - int(matrices[1].nnz),
        "users without test items": len(set(test.empty) | (trained - set(test.users))),
        "test items unknown to training": int(matrices[1].nnz)
        - int(matrices[1][:, np.flatnonzero(known)].nnz),
    }
    split = PlainSplit(matrices[0], matrices[1], list(item_of), notes=notes)
    if negatives is None:
        return _checked(split)
    return _checked(replace(split, negatives=matrices[2], sampled="given negatives"))


def _checked(split: PlainSplit) -> PlainSplit:
    """Without test pairs that training has, users that have no training, and clashing negatives.

    Raises:
        EvaluationError: when nothing is left to be found, or a user's negatives are missing.
    """
    both = split.test.multiply(split.train)
    trained = np.diff(split.train.indptr) > 0
    lonely = (np.diff(split.test.indptr) > 0) & ~trained
    test = _rows(csr_matrix(split.test - both), trained)
    test.eliminate_zeros()
    notes = {
        **split.notes,
        "test items that are in training too": int(both.nnz),
        "test users without training items": int(np.count_nonzero(lonely)),
    }
    if not test.nnz:
        raise EvaluationError("no user has a test item: there is nothing to be found")
    if split.negatives is None:
        return replace(split, test=test, notes=notes)
    had = split.train + test
    negatives = csr_matrix(split.negatives - split.negatives.multiply(had > 0))
    negatives.eliminate_zeros()
    notes["negatives that the user had"] = int(split.negatives.nnz - negatives.nnz)
    missing = np.flatnonzero((np.diff(test.indptr) > 0) & (np.diff(negatives.indptr) == 0))
    if len(missing):
        raise EvaluationError(f"{len(missing)} users with test items have no negatives")
    return replace(split, test=test, negatives=negatives, notes=notes)


def _rows(matrix: csr_matrix, kept: Bools) -> csr_matrix:
    """The matrix with the other rows emptied."""
    entries: Any = matrix.tocoo()
    inside = kept[entries.row]
    return csr_matrix(
        (entries.data[inside], (entries.row[inside], entries.col[inside])), matrix.shape
    )


def _numbers(ids: list[str]) -> dict[str, int]:
    """Ids in order: as numbers where all are numbers, else as text."""
    distinct = set(ids)
    numeric = all(one.isdecimal() for one in distinct)
    key = (lambda one: (int(one), one)) if numeric else (lambda one: (0, one))
    return {one: number for number, one in enumerate(sorted(distinct, key=key))}
