"""The public API over gRPC, for programs of this repository; `recstack.Client` is for users."""

import grpc
from recsys.gateway.v1 import gateway_pb2_grpc


def gateway_stub(channel: grpc.aio.Channel) -> gateway_pb2_grpc.RecommendationServiceStub:
    """The public calls on a channel."""
    return gateway_pb2_grpc.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
