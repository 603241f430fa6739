"""The rerank stage behind gRPC."""

import grpc
from recsys.rerank.v1 import rerank_pb2_grpc

from services.chassis.batch_client import BatchClient
from services.domain.protocols import StageClient
from services.domain.stages import Reranked, RerankQuery
from services.rerank import wire


def rerank_client(channel: grpc.aio.Channel) -> StageClient[RerankQuery, Reranked]:
    """A StageClient over the channel."""
    stub = rerank_pb2_grpc.RerankServiceStub(channel)  # type: ignore[no-untyped-call]
    return BatchClient(stub.Rerank, wire.encode_request, wire.decode_response)
