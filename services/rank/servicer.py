"""The rank service."""

from typing import Any

import grpc
from recsys.rank.v1 import rank_pb2 as pb
from recsys.rank.v1 import rank_pb2_grpc

from services.domain.protocols import StageClient
from services.domain.stages import RankQuery, Scores
from services.inference.batch import answer_each
from services.rank import wire

NAME = pb.DESCRIPTOR.services_by_name["RankService"].full_name


class RankServicer(rank_pb2_grpc.RankServiceServicer):
    """Decodes, asks the stage, encodes."""

    def __init__(self, stage: StageClient[RankQuery, Scores]) -> None:
        self._stage = stage

    async def Rank(  # noqa: N802 - the name of the rpc
        self, request: pb.RankRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.RankResponse:
        queries = wire.decode_request(request)
        outcomes = await answer_each(self._stage, queries, context.time_remaining())
        return wire.encode_response(outcomes)
