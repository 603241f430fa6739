"""A stage behind gRPC: one unary rpc that carries a batch of queries."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import grpc

from services.chassis import tracing
from services.chassis.request_id import METADATA_KEY, request_id
from services.domain.outcome import CallError, Failure, Outcome, Reason

Q = TypeVar("Q")
R = TypeVar("R")

_REASONS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: Reason.UNAVAILABLE,
    # Of a server that began to end as the call came; a caller that gives up hears no status.
    grpc.StatusCode.CANCELLED: Reason.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.OVERLOADED,
    grpc.StatusCode.INVALID_ARGUMENT: Reason.INVALID,
}


class BatchClient(Generic[Q, R]):
    """StageClient over `method`; `encode` and `decode` are the service's pure wire functions."""

    def __init__(
        self,
        method: Callable[..., Any],
        encode: Callable[[Sequence[Q]], Any],
        decode: Callable[[Any], list[Outcome[R]]],
    ) -> None:
        self._method = method
        self._encode = encode
        self._decode = decode

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Sends the batch; `timeout` in seconds.

        Raises:
            CallError: no answer, or one with another number of results than queries.
        """
        named = ((METADATA_KEY, current),) if (current := request_id.get()) else ()
        metadata = (*named, *tracing.headers())
        try:
            response = await self._method(self._encode(queries), timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        outcomes = self._decode(response)
        if len(outcomes) != len(queries):
            message = f"{len(outcomes)} results for {len(queries)} queries"
            raise CallError(Failure(Reason.INTERNAL, message))
        return outcomes


def call_error(error: grpc.aio.AioRpcError) -> CallError:
    """What an error of gRPC means for a stage."""
    return CallError(Failure(_REASONS.get(error.code(), Reason.INTERNAL), error.details() or ""))
