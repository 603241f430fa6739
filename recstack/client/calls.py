"""The calls of RecommendationService; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

from recsys.gateway.v1 import gateway_pb2 as pb

from recstack import wire
from recstack.client.call import Call, CallOptions
from recstack.results import Event, Explanation, Recommendations, Recorded, SimilarItems


class ListOptions(CallOptions, total=False):
    """What a list may be asked with.

    Attributes:
        session_id: an anonymous visitor, instead of a user.
        placement: where it is shown, such as "home".
        context: circumstances, such as {"device": "phone"}.
        categories: only items in at least one of these.
        tags: only items with all of these.
        exclude: ids of items that must not be in it.
        page_token: `next_page_token` of the page before; the rest as there, only k may differ.
    """

    session_id: str
    placement: str
    context: Mapping[str, str]
    categories: Sequence[str]
    tags: Sequence[str]
    exclude: Sequence[str]
    page_token: str


LIST = ListOptions.__optional_keys__


def recommend(
    user_id: str = "", k: int = 20, **options: Unpack[ListOptions]
) -> Call[Recommendations]:
    """A personal list of at most `k` items; marks them as shown.

    Options (ListOptions): session_id, placement, context, categories, tags, exclude, page_token.

    When an answer is lost on its way and the call is repeated, the items of the lost one count as
    shown.
    """
    request = wire.recommend_request(user_id, k, options)
    return Call(
        "RecommendationService/Recommend", request, wire.recommendations, options, takes=LIST
    )


def similar_items(item_id: str, k: int = 20, **options: Unpack[CallOptions]) -> Call[SimilarItems]:
    """Items like an item, closest first."""
    request = pb.SimilarItemsRequest(item_id=item_id, k=k)
    return Call("RecommendationService/SimilarItems", request, wire.similar_items, options)


def record_events(events: Iterable[Event], **options: Unpack[CallOptions]) -> Call[Recorded]:
    """Stores what users did; the next request of a user has it in the history.

    Safe to repeat: an event has an id, and counts once.
    """
    request = wire.events_request(events)
    return Call("RecommendationService/RecordEvents", request, wire.recorded, options)


def explain(
    user_id: str = "", k: int = 20, *, item_id: str = "", **options: Unpack[ListOptions]
) -> Call[Explanation]:
    """How a list comes to be, and where `item_id` is lost; marks nothing as shown.

    Options: as for recommend.
    """
    asked = wire.recommend_request(user_id, k, options)
    request = pb.ExplainRequest(request=asked, item_id=item_id)
    return Call("RecommendationService/Explain", request, wire.explanation, options, takes=LIST)
