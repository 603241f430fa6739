"""Prerank over gRPC."""

import grpc
from recsys.prerank.v1 import prerank_pb2_grpc

from services.chassis.batch_client import BatchClient
from services.domain.protocols import StageClient
from services.domain.stages import PrerankQuery, Scores
from services.prerank import wire


def prerank_client(channel: grpc.aio.Channel) -> StageClient[PrerankQuery, Scores]:
    """Scores from the prerank service behind `channel`."""
    stub = prerank_pb2_grpc.PrerankServiceStub(channel)  # type: ignore[no-untyped-call]
    return BatchClient(stub.Prerank, wire.encode_request, wire.decode_response)
