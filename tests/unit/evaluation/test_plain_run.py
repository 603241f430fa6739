"""Plain models on small splits, against full sorts and by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation import EvaluationError
from models.evaluation.metrics.exposure import novelty
from models.evaluation.metrics.found import NOT_FOUND
from models.evaluation.places import About, Places, by_user, joined
from models.evaluation.plain.files import PlainFile, read
from models.evaluation.plain.models import MODELS, Hyper
from models.evaluation.plain.ranking import rank
from models.evaluation.plain.run import run
from models.evaluation.plain.split import PlainSplit, of_columns, of_files

ABOUT = About("plain models", "small", "", "given split", "", (), ())


def quiet(_: str) -> Callable[[float], None]:
    return lambda done: None


def file(*lines: str) -> PlainFile:
    rows = [line.split() for line in lines]
    pairs = [(user, item) for user, *items in rows for item in items]
    return PlainFile(
        [user for user, _ in pairs],
        [item for _, item in pairs],
        [user for user, *items in rows if not items],
    )


def judged(split: PlainSplit, *names: str) -> Places:
    return run(split, names, Hyper(), ABOUT, quiet)


def random_split(seed: int) -> PlainSplit:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, [8, 12], (60, 2)), axis=0)
    held_out = rng.random(len(pairs)) < 0.3
    return of_columns(pairs[:, 0], pairs[:, 1], held_out, [str(i) for i in range(12)])


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_places_equal_a_sorted_list(seed: int) -> None:
    split = random_split(seed)
    scores = np.random.default_rng(seed).integers(0, 4, split.train.shape).astype(float)  # ties
    ranked = rank(split, lambda users: scores[users], lambda done: None)
    train, test = split.train.toarray() > 0, split.test.toarray() > 0
    at = 0
    for q, user in enumerate(np.flatnonzero(test.any(axis=1))):
        free = [i for i in range(12) if not train[user, i]]
        listed = sorted(free, key=lambda i: (-scores[user, i], i))
        expected = sorted(listed.index(i) for i in np.flatnonzero(test[user]))
        mine = ranked.places[at : at + len(expected)]
        assert sorted(mine.tolist()) == expected
        assert [i for i in ranked.lists[q].tolist() if i >= 0] == listed
        assert ranked.lengths[q] == len(free)
        at += len(expected)
    assert NOT_FOUND not in ranked.places


@pytest.mark.parametrize("seed", range(5))
def test_no_list_is_less_than_not_novel(seed: int) -> None:
    """Items are counted by all users of training, not by those with test items alone."""
    split = random_split(seed)
    places = judged(split, "popular")
    assert places.about.population == np.count_nonzero(split.train.toarray().any(axis=1))
    found = novelty(places.lists[0], places.counts, places.about.population)
    assert (found >= 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_every_model_scores_every_item(name: str) -> None:
    split = random_split(3)
    scores = MODELS[name](split.train, Hyper(neighbours=3))(np.array([1, 4]))
    assert scores.shape == (2, 12)
    assert np.isfinite(scores).all()
    assert scores.any()


def test_user_cf_equals_a_loop() -> None:
    x = random_split(5).train.toarray()
    lengths = np.maximum(np.sqrt(x.sum(axis=1)), 1)
    similar = x @ x.T / np.outer(lengths, lengths)
    np.fill_diagonal(similar, 0)
    expected = np.zeros_like(x)
    for user in range(len(x)):
        least = np.sort(similar[user])[-3]
        expected[user] = sum(
            similar[user, v] * x[v] for v in range(len(x)) if similar[user, v] >= least
        )
    split = random_split(5)
    found = MODELS["user_cf"](split.train, Hyper(neighbours=3))(np.arange(len(x)))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_published_split_keeps_its_ids_and_counts_what_is_odd() -> None:
    train = file("10 1 2 2", "9 3", "8 1 3", "7 2")
    test = file("10 3 99", "9 3 1", "6 1", "8")
    split = of_files(train, test)
    assert list(split.items) == ["1", "2", "3", "99"]  # as numbers
    assert {name: count for name, count in split.notes.items() if count} == {
        "lines given twice in training": 1,
        "users without test items": 2,  # 7 and 8
        "test items unknown to training": 1,
        "test items that are in training too": 1,
        "test users without training items": 1,
    }
    places = judged(split, "popular")
    assert len(places) == 2
    assert places.about.ranking == "whole catalog"
    # user 9 has had 3; left by popularity: 1, 2 (two users each), then 99: item 1 is at place 0.
    # user 10 has had 1 and 2; left: 3 (two users), then 99 (none).
    assert sorted(places.found("popular").places.tolist()) == [0, 0, 1]


def test_files_and_columns_of_one_split_have_the_same_places(tmp_path: Path) -> None:
    split = random_split(4)
    names = ("train", "test")
    for name, matrix in zip(names, (split.train, split.test), strict=True):
        rows = [[user, *matrix[user].indices] for user in range(matrix.shape[0])]
        text = "\n".join(" ".join(map(str, row)) for row in rows if len(row) > 1)
        (tmp_path / name).write_text(text)
    again = of_files(*(read(tmp_path / name) for name in names))
    assert again.train.shape == split.train.shape  # every user and item is in the files
    for model in MODELS:
        mine, theirs = judged(again, model), judged(split, model)
        np.testing.assert_array_equal(mine.places, theirs.places)
        np.testing.assert_array_equal(mine.lists, theirs.lists)


def test_given_negatives_are_what_is_ranked_and_it_is_said() -> None:
    train = file("a x y", "b x z", "c w v")
    test = file("a z", "b y")
    split = of_files(train, test, file("a w v x", "b w"))
    places = judged(split, "popular")
    assert places.lengths.tolist() == [[3, 2]]  # z among w and v; x is a's own and left out
    assert places.about.ranking == "sampled: given negatives"
    assert split.notes["negatives that the user had"] == 1
    assert set(places.lists[0, 0].tolist()) - {-1} == {split.items.index(i) for i in "zwv"}


def test_random_negatives_are_new_to_the_user() -> None:
    split = random_split(2).with_negatives(2, seed=1)
    assert split.negatives is not None
    had = (split.train + split.test).toarray() > 0
    drawn = split.negatives.toarray() > 0
    assert not (had & drawn).any()
    assert set(drawn[split.test.toarray().any(axis=1)].sum(axis=1)) == {2}
    assert judged(split, "ease").about.ranking == "sampled: 2 random negatives a user"
    with pytest.raises(EvaluationError, match="100 negatives, but a user has only"):
        random_split(2).with_negatives(100, seed=1)


def test_what_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no user has a test item"):
        of_files(file("a x"), file("b x"))
    with pytest.raises(EvaluationError, match="1 users with test items have no negatives"):
        of_files(file("a x", "b y"), file("a y", "b x"), file("a z"))
    with pytest.raises(EvaluationError, match="there is no model 'magic'; there are popular"):
        judged(random_split(1), "magic")


def test_folds_are_one_evaluation_whose_unit_is_the_user() -> None:
    one, two = judged(random_split(1), "popular"), judged(random_split(2), "popular")
    both = joined([one, two])
    assert len(both) == len(one) + len(two)
    found = both.found("popular")
    assert found.sizes.tolist() == [*np.diff(one.offsets), *np.diff(two.offsets)]
    values = np.arange(len(both), dtype=float)[:, None]
    means = by_user(both.users, values)
    assert len(means) == len(set(both.users.tolist()))
    first = min(both.users)
    assert means[0, 0] == values[both.users == first].mean()
