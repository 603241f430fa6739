"""The client's plain values against the messages they come from."""

import math

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from recsys.gateway.v1 import gateway_pb2

from recstack import results, wire

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FLOATS = st.floats(width=32, allow_nan=False)
ITEMS = st.builds(
    lambda **fields: gateway_pb2.RecommendedItem(**fields),
    item_id=TEXT,
    title=TEXT,
    score=FLOATS,
    channels=st.lists(TEXT, max_size=3),
    task_scores=st.dictionaries(TEXT, FLOATS, max_size=3),
    categories=st.lists(TEXT, max_size=3),
)


@given(st.lists(ITEMS, max_size=4), TEXT, st.booleans())
def test_a_list_has_every_field_of_its_message(
    items: list[gateway_pb2.RecommendedItem], text: str, cold: bool
) -> None:
    degraded = [gateway_pb2.Degradation(stage="rank", reason="REASON_TIMEOUT")]
    message = gateway_pb2.RecommendResponse(
        items=items, request_id=text, release=text, degraded=degraded, cold_start=cold
    )
    answer = wire.recommendations(message)
    assert (answer.request_id, answer.release, answer.cold_start) == (text, text, cold)
    assert answer.degraded == (results.Degradation("rank", "TIMEOUT"),)
    for found, given_item in zip(answer.items, items, strict=True):
        assert found.item_id == given_item.item_id
        assert found.title == given_item.title
        assert found.score == given_item.score
        assert list(found.channels) == list(given_item.channels)
        assert found.task_scores == dict(given_item.task_scores)
        assert list(found.categories) == list(given_item.categories)


def test_a_request_has_what_was_asked() -> None:
    options = {
        "placement": "home",
        "context": {"device": "tv"},
        "categories": ["Drama"],
        "exclude": ["9"],
        "timeout": 1.0,
    }
    request = wire.recommend_request("7", 5, options)
    assert json_format.MessageToDict(request, preserving_proto_field_name=True) == {
        "user_id": "7",
        "k": 5,
        "placement": "home",
        "context": {"device": "tv"},
        "filter": {"categories": ["Drama"]},
        "exclude_item_ids": ["9"],
    }


def test_every_event_type_of_the_contract_can_be_sent() -> None:
    for name in ("impression", "click", "like", "purchase", "dismiss", "dwell"):
        event = results.Event("1", "2", name, value=1.5)  # type: ignore[arg-type]
        (sent,) = wire.events_request([event]).events
        assert (sent.user_id, sent.item_id, sent.value) == ("1", "2", 1.5)
        assert sent.event_id == event.event_id


def test_an_event_of_a_session_names_no_user() -> None:
    (sent,) = wire.events_request([results.Event(session_id="1", item_id="2")]).events
    assert (sent.user_id, sent.session_id, sent.item_id) == ("", "1", "2")


def test_two_events_have_two_ids() -> None:
    assert results.Event("1", "2").event_id != results.Event("1", "2").event_id


@pytest.mark.parametrize("name", ["wink", "unspecified", ""])
def test_an_event_type_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*impression, click"):
        wire.events_request([results.Event("1", "2", name)])  # type: ignore[arg-type]


def test_an_explanation_has_its_stages_and_the_item() -> None:
    message = gateway_pb2.ExplainResponse(
        stages=[
            gateway_pb2.StageTrace(
                stage="recall",
                kept=600,
                seconds=0.01,
                reason="REASON_OK",
                dropped={"seen": 3},
                top=[gateway_pb2.TracedItem(item_id="1", position=1, score=math.pi)],
                notes=["a note"],
            )
        ],
        item=gateway_pb2.ItemTrace(
            item_id="9",
            lost_at="prerank",
            reason="position 231, 200 go on",
            stages=[gateway_pb2.ItemAtStage(stage="recall", position=5, notes=["popular"])],
        ),
    )
    explanation = wire.explanation(message)
    (stage,) = explanation.stages
    assert (stage.stage, stage.kept, stage.reason, stage.notes) == (
        "recall", 600, "OK", ("a note",),
    )  # fmt: skip
    assert stage.dropped == {"seen": 3}
    assert stage.top[0].score == pytest.approx(math.pi)
    assert explanation.item is not None
    assert explanation.item.stages == (results.ItemAtStage("recall", 5, 0.0, ("popular",)),)
    assert wire.explanation(gateway_pb2.ExplainResponse()).item is None
