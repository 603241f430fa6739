"""The prerank service."""

from typing import Any

import grpc
from recsys.prerank.v1 import prerank_pb2 as pb
from recsys.prerank.v1 import prerank_pb2_grpc

from services.domain.protocols import StageClient
from services.domain.stages import PrerankQuery, Scores
from services.inference.batch import answer_each
from services.prerank import wire

NAME = pb.DESCRIPTOR.services_by_name["PrerankService"].full_name


class PrerankServicer(prerank_pb2_grpc.PrerankServiceServicer):
    """Decodes, asks the stage, encodes."""

    def __init__(self, stage: StageClient[PrerankQuery, Scores]) -> None:
        self._stage = stage

    async def Prerank(  # noqa: N802 - the name of the rpc
        self, request: pb.PrerankRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.PrerankResponse:
        queries = wire.decode_request(request)
        outcomes = await answer_each(self._stage, queries, context.time_remaining())
        return wire.encode_response(outcomes)
