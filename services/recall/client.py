"""Recall over gRPC."""

import grpc
from recsys.recall.v1 import recall_pb2_grpc

from services.chassis.batch_client import BatchClient
from services.domain.protocols import StageClient
from services.domain.stages import (
    Recalled,
    RecallQuery,
    Similar,
    SimilarQuery,
)
from services.recall import similar_wire, wire


def recall_client(channel: grpc.aio.Channel) -> StageClient[RecallQuery, Recalled]:
    """Candidates for users, from the recall service behind `channel`."""
    stub = recall_pb2_grpc.RecallServiceStub(channel)  # type: ignore[no-untyped-call]
    return BatchClient(stub.Recall, wire.encode_request, wire.decode_response)


def similar_client(channel: grpc.aio.Channel) -> StageClient[SimilarQuery, Similar]:
    """Items like an item, from the recall service behind `channel`."""
    stub = recall_pb2_grpc.RecallServiceStub(channel)  # type: ignore[no-untyped-call]
    return BatchClient(stub.Similar, similar_wire.encode_request, similar_wire.decode_response)
