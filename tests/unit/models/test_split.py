import numpy as np

from models.training.split import last_out, queries, slice_queries
from tests.unit.models.logs import make_log

LOG = make_log([list(range(12)), [3, 4, 5], list(range(5))], 20)


def test_last_is_test_second_last_validation_then_the_later_slice() -> None:
    split = last_out(LOG, share=0.3, most=2)
    assert split.held_out.tolist() == [0, 2]
    assert split.slice_end.tolist() == [10, 3, 3]
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
