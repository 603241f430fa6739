"""Wire conversions: what is sent is what arrives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recsys.feature_store.v1 import feature_store_pb2 as pb

from services.domain.context import History, UserContext
from services.domain.events import Event, EventType
from services.domain.outcome import Outcome, Reason
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Marked,
    MarkShownQuery,
    UserImport,
)
from services.feature_store import users_wire, wire

u64 = st.integers(0, 2**64 - 1)
user_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
milliseconds = st.integers(0, 60_000).map(lambda ms: ms / 1000)
events = st.builds(
    Event, user_ids, u64, st.sampled_from(EventType), st.integers(0, 2**40), st.floats(width=32)
)


@given(st.lists(st.builds(ContextQuery, user_ids, milliseconds), max_size=5))
def test_context_queries(queries: list[ContextQuery]) -> None:
    message = wire.encode_contexts_request(queries)
    assert [q.user_id for q in map(wire.decode_context_query, message.queries)] == [
        q.user_id for q in queries
    ]
    for sent, received in zip(queries, message.queries, strict=True):
        left = wire.decode_context_query(received).remaining
        assert sent.remaining - 0.001 < left <= sent.remaining


@given(user_ids, st.lists(u64, max_size=30), st.integers(0, 2**40))
def test_mark_queries(user_id: str, keys: list[int], now: int) -> None:
    query = MarkShownQuery(user_id, np.array(keys, np.uint64), now, 0.5)
    decoded = wire.decode_mark_query(wire.encode_marks_request([query]).queries[0])
    assert (decoded.user_id, decoded.now, decoded.remaining) == (user_id, now, 0.5)
    assert decoded.keys.tolist() == keys


@given(user_ids, st.lists(events, max_size=10))
def test_event_queries(user_id: str, given_events: list[Event]) -> None:
    query = AppendEventsQuery(user_id, tuple(given_events), 0.5)
    decoded = wire.decode_events_query(wire.encode_events_request([query]).queries[0])
    assert repr(decoded) == repr(query), "repr: NaN is not equal to itself"


def test_outcomes() -> None:
    failed: Outcome[Any] = Outcome.failed(Reason.UNAVAILABLE, "no Redis")
    contexts = [Outcome.of(UserContext("u", True, {"a": "b"})), failed]
    received = wire.decode_contexts_response(wire.encode_contexts_response(contexts))
    assert received[0].value is not None
    assert received[0].value.profile == {"a": "b"}
    assert received[1] == failed
    marks = [failed, Outcome.of(Marked())]
    assert wire.decode_marks_response(wire.encode_marks_response(marks)) == marks
    appends = [Outcome.of(Appended(3, 4)), failed, Outcome.of(Appended(0, 0))]
    assert wire.decode_events_response(wire.encode_events_response(appends)) == appends


def test_imported_users() -> None:
    history = History(
        np.array([7], np.uint64),
        np.array([8], np.uint32),
        np.array([2], np.uint8),
        np.array([0.5], np.float32),
    )
    user = UserImport("u", {"a": "b"}, history, np.array([7, 9], np.uint64))
    message = users_wire.encode_import_request("print", [user], True)
    assert (message.fingerprint, message.last) == ("print", True)
    decoded = users_wire.decode_user(message.users[0])
    assert (decoded.user_id, decoded.profile) == ("u", {"a": "b"})
    assert decoded.history.values.tolist() == [0.5]
    assert decoded.seen_keys.tolist() == [7, 9]


def test_wrong_columns_and_types_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="keys: 7 bytes"):
        wire.decode_mark_query(pb.MarkShownQuery(user_id="u", keys=b"1234567"))
    with pytest.raises(ValueError, match="EventType"):
        wire.decode_events_query(pb.AppendEventsQuery(user_id="u", events=[pb.Event(key=1)]))
    with pytest.raises(ValueError, match="seen: 3 bytes"):
        users_wire.decode_user(pb.UserRecord(user_id="u", seen=b"123"))
