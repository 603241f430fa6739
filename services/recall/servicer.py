"""The recall service."""

from typing import Any

import grpc
from recsys.recall.v1 import recall_pb2 as pb
from recsys.recall.v1 import recall_pb2_grpc

from services.domain.protocols import StageClient
from services.domain.stages import (
    Recalled,
    RecallQuery,
    Similar,
    SimilarQuery,
)
from services.inference.batch import answer_each
from services.recall import similar_wire, wire

NAME = pb.DESCRIPTOR.services_by_name["RecallService"].full_name


class RecallServicer(recall_pb2_grpc.RecallServiceServicer):
    """Decodes, asks the stages, encodes."""

    def __init__(
        self,
        recall: StageClient[RecallQuery, Recalled],
        similar: StageClient[SimilarQuery, Similar],
    ) -> None:
        self._recall = recall
        self._similar = similar

    async def Recall(  # noqa: N802 - the name of the rpc
        self, request: pb.RecallRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.RecallResponse:
        queries = wire.decode_request(request)
        outcomes = await answer_each(self._recall, queries, context.time_remaining())
        return wire.encode_response(outcomes)

    async def Similar(  # noqa: N802 - the name of the rpc
        self, request: pb.SimilarRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.SimilarResponse:
        queries = similar_wire.decode_request(request)
        outcomes = await answer_each(self._similar, queries, context.time_remaining())
        return similar_wire.encode_response(outcomes)
