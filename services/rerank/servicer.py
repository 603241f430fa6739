"""The rerank service."""

from typing import Any

import grpc
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from services.domain.protocols import StageClient
from services.domain.stages import Reranked, RerankQuery
from services.inference.batch import answer_each
from services.rerank import wire

NAME = rerank_pb2.DESCRIPTOR.services_by_name["RerankService"].full_name


class RerankServicer(rerank_pb2_grpc.RerankServiceServicer):
    """Decodes, asks the stage, encodes."""

    def __init__(self, stage: StageClient[RerankQuery, Reranked]) -> None:
        self._stage = stage

    async def Rerank(  # noqa: N802 - the name of the rpc
        self,
        request: rerank_pb2.RerankRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> rerank_pb2.RerankResponse:
        queries = wire.decode_request(request)
        outcomes = await answer_each(self._stage, queries, context.time_remaining())
        return wire.encode_response(outcomes)
