"""Interceptors of the rpcs that are ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc

Handler = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[Any]]


class UnaryInterceptor(grpc.aio.ServerInterceptor, ABC):  # type: ignore[type-arg]
    """Wraps each unary rpc; streaming rpcs, health and reflection pass as they are."""

    @abstractmethod
    def wrapped(self, method: str, inner: Handler) -> Handler:
        """What answers instead of `inner`; `method`: /<package>.<service>/<rpc>."""

    def reader(self, deserialize: Any) -> Any:
        """What reads requests instead of `deserialize`."""
        return deserialize

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]
        ],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None or "grpc." in details.method:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self.wrapped(details.method, cast(Handler, handler.unary_unary)),
            request_deserializer=self.reader(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )
