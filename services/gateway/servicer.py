"""The public API on gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.request_id import request_id
from services.gateway import wire
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.gateway import Gateway

NAME = pb.DESCRIPTOR.services_by_name["RecommendationService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class RecommendationServicer(gateway_pb2_grpc.RecommendationServiceServicer):
    """Decodes, asks the gateway, encodes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def Recommend(  # noqa: N802 - the name of the rpc
        self, request: pb.RecommendRequest, context: Context
    ) -> pb.RecommendResponse:
        given = wire.recommend_input(request)
        left = context.time_remaining()
        return wire.recommend_response(await self._gateway.recommend(given, request_id.get(), left))

    async def SimilarItems(  # noqa: N802
        self, request: pb.SimilarItemsRequest, context: Context
    ) -> pb.SimilarItemsResponse:
        k = request.k if request.HasField("k") else None
        left = context.time_remaining()
        async with statuses(context):
            answer = await self._gateway.similar(request.item_id, k, request_id.get(), left)
        return wire.similar_response(answer)

    async def RecordEvents(  # noqa: N802
        self, request: pb.RecordEventsRequest, context: Context
    ) -> pb.RecordEventsResponse:
        given = wire.event_inputs(request)
        return wire.record_response(await self._gateway.record(given, context.time_remaining()))

    async def Explain(  # noqa: N802
        self, request: pb.ExplainRequest, context: Context
    ) -> pb.ExplainResponse:
        given = wire.recommend_input(request.request)
        left = context.time_remaining()
        explanation = await self._gateway.explain(given, request.item_id, request_id.get(), left)
        return wire.explain_response(explanation)


@asynccontextmanager
async def statuses(context: Context) -> AsyncIterator[None]:
    """Ends the rpc with the status of a gateway error."""
    try:
        yield
    except NotFoundError as error:
        await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
    except UnavailableError as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
