"""Pages, filters, sessions and what makes an item seen, over both surfaces."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from tests.unit.gateway.served import Surfaces, served
from tests.unit.gateway.world import IDS, TAGS, World, make_world


@pytest.fixture
async def api(world: World) -> AsyncIterator[Surfaces]:
    async with served(world) as surfaces:
        yield surfaces


def ids(response: pb.RecommendResponse) -> list[str]:
    return [item.item_id for item in response.items]


async def pages(api: Surfaces, limit: int = 100, **given: Any) -> list[pb.RecommendResponse]:
    """All pages of a list, over gRPC."""
    found = [await api.lists.Recommend(pb.RecommendRequest(**given))]
    while found[-1].next_page_token and len(found) < limit:
        token = found[-1].next_page_token
        found.append(await api.lists.Recommend(pb.RecommendRequest(**given, page_token=token)))
    return found


async def test_pages_repeat_nothing_and_end(api: Surfaces) -> None:
    found = await pages(api, user_id="u", k=20)
    items = [item for page in found for item in ids(page)]
    assert [len(page.items) for page in found] == [20, 20, 10]
    assert len(set(items)) == 50
    assert found[-1].next_page_token == ""


async def test_pages_repeat_nothing_when_nothing_is_marked(world: World, api: Surfaces) -> None:
    world["marks"].mode = world["contexts"].mode = "call_error"
    items = [item for page in await pages(api, user_id="u", k=20) for item in ids(page)]
    assert len(items) == len(set(items)) == 50


async def test_pages_without_recall(world: World, api: Surfaces) -> None:
    world["recall"].mode = "call_error"
    items = [item for page in await pages(api, user_id="u", k=20) for item in ids(page)]
    assert len(items) == len(set(items)) == 59, "the popular list, without the blocked item"


async def test_pages_over_both_surfaces(api: Surfaces) -> None:
    first = (await api.http.get("/v1/users/u/recommendations?k=20&tag=tag-0")).json()
    token = first["next_page_token"]
    assert token == "", "17 items have the tag"
    first = (await api.http.get("/v1/sessions/s/recommendations?k=5&tag=tag-0")).json()
    token = first["next_page_token"]
    query = {"k": 5, "tag": "tag-0", "page_token": token}
    second = (await api.http.get("/v1/sessions/s/recommendations", params=query)).json()
    shown = [item["item_id"] for item in first["items"] + second["items"]]
    assert len(set(shown)) == 10
    answer = await api.http.get("/v1/users/s/recommendations", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "page_token"
    request = pb.RecommendRequest(user_id="s", page_token=token)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.lists.Recommend(request)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (error.value.details() or "").startswith("page_token: ")


async def test_an_explanation_is_of_its_page(api: Surfaces) -> None:
    first = await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=5))
    second = pb.RecommendRequest(user_id="u", k=5, page_token=first.next_page_token)
    explained = await api.lists.Explain(pb.ExplainRequest(request=second))
    assert not set(ids(explained.response)) & set(ids(first))
    assert ids(await api.lists.Recommend(second)) == ids(explained.response)


async def test_filters(api: Surfaces) -> None:
    both = pb.Filter(categories=["odd"], tags=["tag-1"])
    response = await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=5, filter=both))
    assert ids(response) == [IDS[row] for row in (1, 7, 13, 19, 25)]


@pytest.mark.parametrize("recall", ["ok", "call_error"])
@pytest.mark.parametrize(
    "nothing",
    [
        pb.Filter(categories=["unheard of"]),
        pb.Filter(tags=["unheard of"]),
        pb.Filter(tags=[TAGS[0], TAGS[1]]),
        pb.Filter(categories=["odd"], tags=["unheard of"]),
    ],
)
async def test_a_filter_that_matches_nothing_gives_an_empty_list(
    world: World, api: Surfaces, recall: str, nothing: pb.Filter
) -> None:
    world["recall"].mode = recall
    response = await api.lists.Recommend(pb.RecommendRequest(user_id="u", filter=nothing))
    assert not response.items
    assert response.next_page_token == ""
    assert [d.stage for d in response.degraded] == ([] if recall == "ok" else ["recall"])


async def test_a_request_says_its_time_unless_the_client_does(world: World, api: Surfaces) -> None:
    await api.lists.Recommend(pb.RecommendRequest(user_id="u", context={"device": "tv"}))
    await api.lists.Recommend(pb.RecommendRequest(user_id="u", context={"hour": "noon"}))
    filled, given = (query.request.attributes for query in world["recall"].queries)
    assert filled.keys() == {"device", "hour", "weekday"}
    assert filled["device"] == "tv"
    assert 0 <= int(filled["hour"]) <= 23
    assert 1 <= int(filled["weekday"]) <= 7
    assert given["hour"] == "noon"


async def test_seen_on_impression(release: GatewayRelease) -> None:
    world = make_world(release, deadline_seconds=60.0, seen_on="impression")
    async with served(world) as api:
        first = await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=5))
        again = await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=5))
        assert ids(first) == ids(again)
        assert not world["marks"].queries
        looked_at = pb.UserEvent(event_id="e", user_id="u", item_id=ids(first)[0], type=1)
        await api.lists.RecordEvents(pb.RecordEventsRequest(events=[looked_at]))
        after = await api.lists.Recommend(pb.RecommendRequest(user_id="u", k=5))
    assert ids(after)[:4] == ids(first)[1:]


async def test_gateways_with_one_key_take_one_anothers_tokens(
    release: GatewayRelease, tmp_path: Path
) -> None:
    key = tmp_path / "page.key"
    key.write_text("5e" * 32)
    shared = [make_world(release, page_key_file=key, deadline_seconds=60.0) for _ in range(2)]
    first = await shared[0].gateway.recommend(RecommendInput(user_id="u", k=5), "request")
    more = RecommendInput(user_id="u", k=5, page_token=first.next_page_token)
    second = await shared[1].gateway.recommend(more, "request")
    assert not {i.text.item_id for i in first.items} & {i.text.item_id for i in second.items}
    with pytest.raises(InvalidArgumentError, match="page_token: it is none of this stack"):
        await make_world(release).gateway.recommend(more, "request")


async def test_a_session_has_a_state_of_its_own(world: World, api: Surfaces) -> None:
    for who in ({"user_id": "s"}, {"session_id": "s"}, {"session_id": "t"}):
        response = await api.lists.Recommend(pb.RecommendRequest(**who, k=3))
        assert ids(response) == IDS[:3]
    event = pb.UserEvent(event_id="e", session_id="s", item_id=IDS[9], type=2)
    await api.lists.RecordEvents(pb.RecordEventsRequest(events=[event]))
    assert world.store.events.keys() == {"session:s"}
    assert world.store.shown.keys() == {"s", "session:s", "session:t"}
