"""The public API on gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.request_id import request_id
from services.gateway import wire
from services.gateway.admission.admission import Admission
from services.gateway.admission.priority import Priority, of_list
from services.gateway.admission.rate import CLIENT_KEY
from services.gateway.errors import NotFoundError, OverloadedError, UnavailableError
from services.gateway.gateway import Gateway

NAME = pb.DESCRIPTOR.services_by_name["RecommendationService"].full_name
RETRY_AFTER = "retry-after-ms"

Context = grpc.aio.ServicerContext[Any, Any]


class Door:
    """Lets rpcs in, and ends with its status what is refused or fails."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    @asynccontextmanager
    async def entered(self, context: Context, priority: Priority) -> AsyncIterator[float | None]:
        """The rpc is in flight while the context is open; gives the seconds its deadline leaves."""
        left = context.time_remaining()
        if left is not None and left <= 0:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "it was over when it was read")
        try:
            with self._admission.admitted(priority, self._key(context)):
                yield left
        except NotFoundError as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except UnavailableError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except OverloadedError as error:
            await _refuse(context, error)

    def _key(self, context: Context) -> str:
        if not self._admission.rate.on:
            return ""
        key = dict(context.invocation_metadata() or ()).get(CLIENT_KEY, "")
        return key if isinstance(key, str) else ""


async def _refuse(context: Context, error: OverloadedError) -> NoReturn:
    delay = str(round(error.retry_after * 1000))
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    await context.abort(code, str(error), ((RETRY_AFTER, delay),))
    raise AssertionError("abort raises")


class RecommendationServicer(gateway_pb2_grpc.RecommendationServiceServicer):
    """Decodes, asks the gateway, encodes."""

    def __init__(self, gateway: Gateway, door: Door) -> None:
        self._gateway = gateway
        self._door = door

    async def Recommend(  # noqa: N802 - the name of the rpc
        self, request: pb.RecommendRequest, context: Context
    ) -> pb.RecommendResponse:
        priority = of_list(request.user_id, request.page_token)
        async with self._door.entered(context, priority) as left:
            given = wire.recommend_input(request)
            answer = await self._gateway.recommend(given, request_id.get(), left)
            return wire.recommend_response(answer)

    async def SimilarItems(  # noqa: N802
        self, request: pb.SimilarItemsRequest, context: Context
    ) -> pb.SimilarItemsResponse:
        async with self._door.entered(context, Priority.SIMILAR) as left:
            k = request.k if request.HasField("k") else None
            answer = await self._gateway.similar(request.item_id, k, request_id.get(), left)
            return wire.similar_response(answer)

    async def RecordEvents(  # noqa: N802
        self, request: pb.RecordEventsRequest, context: Context
    ) -> pb.RecordEventsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            return wire.record_response(
                await self._gateway.record(wire.event_inputs(request), left)
            )

    async def Explain(  # noqa: N802
        self, request: pb.ExplainRequest, context: Context
    ) -> pb.ExplainResponse:
        async with self._door.entered(context, Priority.EXPLAIN) as left:
            given = wire.recommend_input(request.request)
            asked = self._gateway.explain(given, request.item_id, request_id.get(), left)
            return wire.explain_response(await asked)
