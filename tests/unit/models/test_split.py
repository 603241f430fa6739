import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.training.split import MIN_ITEMS, last_out, queries, slice_length, slice_queries
from tests.unit.models.logs import make_log

LOG = make_log([list(range(12)), [3, 4, 5], list(range(5))], 20)


def test_last_is_test_second_last_validation_then_the_later_slice() -> None:
    split = last_out(LOG, share=0.3, most=2)
    assert split.held_out.tolist() == [0, 2]
    assert split.slice_end.tolist() == [10, 3, 3]
    assert split.test.tolist() == [11, 3, 4]
    assert split.early.tolist() == [8, 3, 3]  # 30 % of 10 is 3, at most 2; 30 % of 3 is 0


def test_slice_queries_are_the_events_between() -> None:
    split = last_out(LOG, share=0.3, most=5)
    made = slice_queries(LOG, split)
    assert made.users.tolist() == [0, 0, 0]
    assert made.ends.tolist() == [7, 8, 9]
    assert made.targets.tolist() == [7, 8, 9]


def test_nothing_held_out_is_in_what_trains() -> None:
    split = last_out(LOG, share=0.3, most=5)
    first = LOG.first(split.slice_end)
    assert first.sizes.tolist() == [10, 3, 3]
    assert first.rows.tolist() == [*range(10), 3, 4, 5, 0, 1, 2]
    validation = queries(LOG, split.held_out, split.slice_end[split.held_out])
    assert validation.targets.tolist() == [10, 3]


def test_context_is_what_was_known_before_the_event() -> None:
    context = LOG.context(0, 4)
    np.testing.assert_array_equal(context.history.keys, LOG.keys[[3, 2, 1, 0]])
    assert context.has_seen(LOG.keys[:6]).tolist() == [True] * 4 + [False] * 2
    assert not LOG.context(0, 0).known
    assert len(LOG.context(0, 12, length=5).history) == 5
    assert LOG.context(0, 12, length=5).has_seen(LOG.keys[:12]).all()


def test_only_the_first_event_with_an_item_is_an_answer() -> None:
    twice = make_log([[0, 0, 1, 1, 2, 2, 3, 3, 4, 4], [0, 1, 2, 3, 3, 3, 3]], 20)
    split = last_out(twice, share=0.6, most=5)
    assert split.held_out.tolist() == [0]  # the other user has too few items
    assert (split.slice_end[0], split.test[0]) == (6, 8)
    assert twice.first(split.test).rows[:8].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    made = slice_queries(twice, split)
    assert (made.ends.tolist(), made.targets.tolist()) == ([4], [2])


def test_an_answer_is_liked_when_a_later_event_says_so_in_what_may_be_looked_at() -> None:
    log = make_log([[7, 8, 9, 7, 8, 1, 2, 9]], 20)  # events 0, 3 and 6 are LIKEs
    assert log.liked.tolist() == [True, False, False, True, False, False, True, False]
    late = make_log([[8, 7, 9, 7, 8, 1, 9]], 20)
    assert late.liked.tolist() == [True, True, True, True, True, False, True]
    assert not late.first(np.array([3])).liked[1:].any()


@given(st.lists(st.lists(st.integers(0, 8), max_size=20), min_size=1, max_size=5))
def test_no_answer_is_an_item_the_user_had(sequences: list[list[int]]) -> None:
    log = make_log(sequences, 9)
    split = last_out(log, share=0.5, most=10)
    enough = [u for u, sequence in enumerate(sequences) if len(set(sequence)) >= MIN_ITEMS]
    assert split.held_out.tolist() == enough
    users = split.held_out
    held_out = [queries(log, users, ends[users]) for ends in (split.slice_end, split.test)]
    for made in (slice_queries(log, split), *held_out):
        for user, end, target in zip(made.users, made.ends, made.targets, strict=True):
            assert target == sequences[user][end]
            assert target not in sequences[user][:end]
    for user in enough:
        last = sequences[user][: split.test[user] + 1]
        assert set(last) == set(sequences[user])


def test_the_later_slice_of_a_long_log_is_short() -> None:
    log = make_log([list(range(20)), list(range(20)), [0, 1, 2]], 20)
    assert slice_length(log, 0.5, 20, rows=1000) == 20
    assert slice_length(log, 0.5, 8, rows=1000) == 8
    assert slice_length(log, 0.5, 20, rows=9) == 4  # 4 + 4 + 1
    assert slice_length(log, 0.5, 20, rows=1) == 1
