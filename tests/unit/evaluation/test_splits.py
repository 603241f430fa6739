import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation import splits

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=40)


@given(PAIRS)
def test_last_out_holds_out_the_newest_of_each_user(pairs: list[tuple[int, int]]) -> None:
    users = np.array([user for user, _ in pairs], np.int64)
    order = np.array([place for _, place in pairs], np.int64)
    held_out = splits.last_out(users, order)
    for user in set(users.tolist()):
        mine = np.flatnonzero(users == user)
        if len(mine) < 2:
            assert not held_out[mine].any()
            continue
        newest = max(mine, key=lambda i: (order[i], i))
        assert np.flatnonzero(held_out[mine]).tolist() == [mine.tolist().index(newest)]


@given(st.lists(st.integers(0, 20), max_size=60), st.sampled_from([0.1, 0.2, 0.5]))
def test_no_training_event_is_later_than_a_held_out_one(times: list[int], share: float) -> None:
    moments = np.array(times, np.int64)
    held_out = splits.after(moments, share)
    if held_out.any():
        assert moments[~held_out].max() < moments[held_out].min()
    assert held_out.sum() <= round(len(times) * share) + 1


def test_time_holds_out_its_share_when_all_times_differ() -> None:
    times = np.random.default_rng(1).permutation(1000)
    assert splits.after(times, 0.2).sum() == 200
    assert (times[splits.after(times, 0.2)] >= 800).all()


@given(st.integers(0, 100), st.integers(2, 7))
def test_folds_are_equal_and_every_interaction_is_in_one(count: int, k: int) -> None:
    fold = splits.folds(count, k, seed=3)
    sizes = np.bincount(fold, minlength=k)
    assert sizes.sum() == count
    assert sizes.max() - sizes.min() <= 1
    assert (fold == splits.folds(count, k, seed=3)).all()


def test_a_random_share_is_seeded() -> None:
    first = splits.random_share(1000, 0.2, seed=1)
    assert first.sum() == 200
    assert (first == splits.random_share(1000, 0.2, seed=1)).all()
    assert (first != splits.random_share(1000, 0.2, seed=2)).any()
