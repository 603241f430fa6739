"""Items that are put and hidden while a release serves: real services, two gateways."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from recsys.gateway.v1 import gateway_pb2 as pb

from services.gateway.answer import Answer
from services.gateway.catalog.open import open_catalog
from services.gateway.gateway import Gateway
from services.gateway.pipeline import make_gateway, open_release
from services.gateway.remote import grpc_stages
from services.gateway.requests import RecommendInput
from tests.integration.stack import PATIENCE, Stack, ids, stack, user
from tests.redis import own_redis
from tests.releases import release

__all__ = ["own_redis", "release", "stack"]


@pytest.fixture
async def other(stack: Stack, release: Path) -> AsyncIterator[Gateway]:
    """A second gateway over the same services and the same Redis."""
    async with AsyncExitStack() as context:
        settings = stack.settings
        stages = await grpc_stages(settings, context)
        opened = open_release(release, settings)
        catalog = await open_catalog(settings, context, lambda: [opened])
        yield make_gateway(opened, stages, settings, catalog=catalog)


def named(answer: Answer) -> list[str]:
    return [item.text.item_id for item in answer.items]


async def hide(stack: Stack, item_ids: list[str]) -> None:
    hidden = await stack.catalog.HideItems(pb.HideItemsRequest(item_ids=item_ids))
    assert hidden == pb.HideItemsResponse(changed=len(item_ids))


async def test_a_hide_on_one_gateway_holds_on_the_other_at_once(
    stack: Stack, other: Gateway
) -> None:
    for _ in range(5):
        shown = ids((await stack.recommend(user(), k=10)).items)
        await hide(stack, shown[:2])
        answer = await other.recommend(RecommendInput(user_id=user(), k=10), "r")
        assert not set(named(answer)) & set(shown[:2])
        assert len(answer.items) == 10
        assert not answer.degraded
        asked = pb.SimilarItemsRequest(item_id=shown[3], k=10)
        near = ids((await stack.stub.SimilarItems(asked)).items)
        await hide(stack, near[:2])
        assert not set(named(await other.similar(shown[3], 10, "r"))) & set(near[:2])


@pytest.mark.parametrize("stage", ["feature_store", "recall", "prerank", "rank", "rerank"])
async def test_a_hide_holds_at_once_without_a_stage(
    stack: Stack, other: Gateway, stage: str
) -> None:
    await stack.servers[stage].drain(0.0)
    shown = ids((await stack.recommend(user(), k=10)).items)
    await hide(stack, shown[:3])
    answer = await other.recommend(RecommendInput(user_id=user(), k=10), "r")
    assert not set(named(answer)) & set(shown[:3])
    assert len(answer.items) == 10
    assert stage in dict(answer.degraded)
    assert "takedown" not in dict(answer.degraded)


async def test_a_new_item_is_recommended_without_a_new_release(
    stack: Stack, other: Gateway
) -> None:
    like = (await stack.recommend(user(), k=1)).items[0]
    given = pb.Item(
        item_id="brand new",
        title="Something new",
        categories=like.categories,
        tags=["only this one"],
        text=like.title,
    )
    assert (await stack.catalog.PutItems(pb.PutItemsRequest(items=[given]))).stored == 1
    asked = RecommendInput(user_id=user(), k=5, tags=["only this one"])
    async with asyncio.timeout(PATIENCE):
        while not (answer := await other.recommend(asked, "r")).items:
            await asyncio.sleep(0.05)
    (first,) = answer.items
    assert (first.text.item_id, first.text.title) == ("brand new", "Something new")
    assert first.text.categories == tuple(like.categories)
    assert not answer.degraded
    event = pb.UserEvent(event_id="e", user_id=asked.user_id, item_id="brand new", type=2)
    assert (await stack.stub.RecordEvents(pb.RecordEventsRequest(events=[event]))).accepted == 1
    similar = await other.similar("brand new", 5, "r")
    assert len(set(named(similar))) == 5
    assert "brand new" not in named(similar)
    gone = pb.ExpireItemsRequest(item_ids=["brand new"], expires_at=int(time.time()) - 1)
    await stack.catalog.ExpireItems(gone)
    asked = RecommendInput(user_id=user(), k=5, tags=["only this one"])
    assert not (await other.recommend(asked, "r")).items
