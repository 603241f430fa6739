"""Rank over gRPC."""

import grpc
from recsys.rank.v1 import rank_pb2_grpc

from services.chassis.batch_client import BatchClient
from services.domain.protocols import StageClient
from services.domain.stages import RankQuery, Scores
from services.rank import wire


def rank_client(channel: grpc.aio.Channel) -> StageClient[RankQuery, Scores]:
    """Scores from the rank service behind `channel`."""
    stub = rank_pb2_grpc.RankServiceStub(channel)  # type: ignore[no-untyped-call]
    return BatchClient(stub.Rank, wire.encode_request, wire.decode_response)
