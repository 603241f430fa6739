"""Wire conversions lose nothing and refuse what does not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recsys.common.v1 import common_pb2

from services import domain_wire as wire
from services.domain.bloom import BloomFilter
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.inline import InlineItems
from services.domain.outcome import Failure, Reason

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    n, channels = draw(st.integers(0, 40)), draw(st.integers(0, 5))
    columns, inline = draw(st.sampled_from([0, 6])), draw(inline_items())
    return Candidates(
        draw(hnp.arrays(np.int32, n, elements=st.integers(-len(inline), 2**31 - 1))),
        draw(hnp.arrays(np.uint32, n)),
        draw(hnp.arrays(np.float32, (n, channels), elements=finite)),
        draw(hnp.arrays(np.float32, (n if columns else 0, columns), elements=finite)),
        inline,
    )


@st.composite
def inline_items(draw: st.DrawFn) -> InlineItems:
    ids = draw(st.lists(st.text(max_size=5), max_size=3))
    vectors, features = (
        draw(hnp.arrays(np.float32, (len(ids), width), elements=finite)) for width in (4, 3)
    )
    return InlineItems(tuple(ids), vectors, features)


@st.composite
def contexts(draw: st.DrawFn) -> UserContext:
    length = draw(st.integers(0, 30))
    keys = draw(hnp.arrays(np.uint64, draw(st.integers(0, 30))))
    return UserContext(
        user_id=draw(st.text(min_size=1, max_size=20)),
        known=draw(st.booleans()),
        profile=draw(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)),
        history=History(
            draw(hnp.arrays(np.uint64, length)),
            draw(hnp.arrays(np.uint32, length)),
            draw(hnp.arrays(np.uint8, length)),
            draw(hnp.arrays(np.float32, length, elements=finite)),
        ),
        seen=Seen(keys, (BloomFilter.empty(256, 4).added(keys),)),
    )


@given(candidates())
def test_candidates_come_back_as_they_were(given_candidates: Candidates) -> None:
    data = wire.candidates_to_proto(given_candidates).SerializeToString()
    back = wire.candidates_from_proto(common_pb2.Candidates.FromString(data))
    np.testing.assert_array_equal(back.rows, given_candidates.rows)
    np.testing.assert_array_equal(back.channels, given_candidates.channels)
    np.testing.assert_array_equal(back.recall_scores, given_candidates.recall_scores)
    np.testing.assert_array_equal(back.all_statistics(), given_candidates.all_statistics())
    assert back.inline.ids == given_candidates.inline.ids
    if len(back.inline):
        np.testing.assert_array_equal(back.inline.vectors, given_candidates.inline.vectors)
        np.testing.assert_array_equal(back.inline.features, given_candidates.inline.features)


def test_a_row_without_its_inline_item_is_refused() -> None:
    message = common_pb2.Candidates(rows=np.array([-1], "<i4").tobytes(), channels=bytes(4))
    with pytest.raises(ValueError, match="row -1, but 0 inline items"):
        wire.candidates_from_proto(message)


@given(contexts())
def test_contexts_come_back_as_they_were(context: UserContext) -> None:
    data = wire.context_to_proto(context).SerializeToString()
    back = wire.context_from_proto(common_pb2.UserContext.FromString(data))
    assert (back.user_id, back.known, back.profile) == (
        context.user_id,
        context.known,
        context.profile,
    )
    for column in ("keys", "times", "events", "values"):
        np.testing.assert_array_equal(
            getattr(back.history, column), getattr(context.history, column)
        )
    np.testing.assert_array_equal(back.seen.recent, context.seen.recent)
    assert back.seen.count() == context.seen.count()
    assert back.has_seen(context.seen.recent).all()


def test_requests_come_back_as_they_were() -> None:
    request = RequestContext(
        7, "home", {"device": "tv"}, np.array([2**64 - 1, 3], np.uint64), ("Drama", "War")
    )
    back = wire.request_from_proto(wire.request_to_proto(request))
    assert (back.now, back.placement, back.attributes, back.categories) == (
        7,
        "home",
        {"device": "tv"},
        ("Drama", "War"),
    )
    np.testing.assert_array_equal(back.exclude, request.exclude)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (common_pb2.Candidates(rows=b"\0" * 5), "candidates.rows"),
        (common_pb2.Candidates(rows=b"\0" * 8, channels=b"\0" * 4), "candidates.channels"),
        (
            common_pb2.Candidates(rows=b"\0" * 4, channels=b"\0" * 4, channel_count=2),
            "candidates.recall_scores",
        ),
    ],
)
def test_columns_that_do_not_fit_are_named(message: common_pb2.Candidates, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        wire.candidates_from_proto(message)


@pytest.mark.parametrize(
    "generation",
    [
        common_pb2.BloomFilter(data=b"\0" * 3, hashes=4),
        common_pb2.BloomFilter(data=b"", hashes=4),
        common_pb2.BloomFilter(data=b"\0" * 4, hashes=0),
        common_pb2.BloomFilter(data=b"\0" * 4, hashes=65),
    ],
)
def test_impossible_bloom_filters_are_refused(generation: common_pb2.BloomFilter) -> None:
    message = common_pb2.UserContext(seen=common_pb2.Seen(generations=[generation]))
    with pytest.raises(ValueError, match=r"seen\.generations"):
        wire.context_from_proto(message)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_travels(reason: Reason) -> None:
    failure = Failure(reason, "why")
    assert wire.status_from_proto(wire.status_to_proto(failure)) == failure


def test_status_ok_and_reasons_of_the_future() -> None:
    assert wire.status_from_proto(wire.status_to_proto(None)) is None
    future = common_pb2.Status.FromString(b"\x08\x63")  # reason 99
    failure = wire.status_from_proto(future)
    assert failure is not None
    assert failure.reason is Reason.INTERNAL


@given(st.floats(0, 1000))
def test_remaining_time_never_grows_on_the_way(seconds: float) -> None:
    assert wire.remaining_from_ms(wire.remaining_to_ms(seconds)) <= seconds
