"""How a gRPC server takes the calls of methods that many call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from secrets import token_hex
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

CALLS = 64
"""Taken at once, in about four turns of the loop; waiting for so many costs 20 µs."""

_MARK = f"#{token_hex(16)}."
"""Secret, as no request of core's takes a call of a copy's own name: it would wait for ever."""


class _Server(cygrpc.AioServer):  # type: ignore[misc]
    """gRPC's own takes one call of a method at a time, which needs several turns of the loop.

    With turns of 2 ms that is 100 calls/s. What comes beyond waits in gRPC's core, where no limit
    of ours sees it, and is late before it is looked at. Here a method of `many` is registered under
    several names, each of which takes calls of the one: "/a.B/C", "/a.B/C#….1", "/a.B/C#….2", ...
    """

    many: Mapping[str, int] = {}

    def add_registered_method_handlers(self, handlers: Mapping[str, Any]) -> None:
        copies = {
            f"{method}{_MARK}{number}": handler
            for method, handler in handlers.items()
            for number in range(1, self.many.get(method, 1))
        }
        super().add_registered_method_handlers({**handlers, **copies})

    async def _request_registered_call(self, method: bytes) -> Any:
        return await super()._request_registered_call(method.partition(_MARK.encode())[0])


class TrueNames(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Gives the calls of copies the name of their method; the first of the interceptors."""

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]
        ],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        method, mark, _ = details.method.partition(_MARK)
        if mark:
            details = type(details)(method, details.invocation_metadata)  # type: ignore[call-arg]
        return await continuation(details)


def make_server(*args: Any, **kwargs: Any) -> grpc.aio.Server:
    """As grpc.aio.server, for `take_many`; needs the interceptor TrueNames."""
    plain = cygrpc.AioServer
    cygrpc.AioServer = _Server
    try:
        return grpc.aio.server(*args, **kwargs)
    finally:
        cygrpc.AioServer = plain


def take_many(
    server: grpc.aio.Server, service: str, methods: Iterable[str], calls: int = CALLS
) -> None:
    """Takes so many calls of these methods at once; call it before the service is added."""
    inner = server._server  # type: ignore[attr-defined]
    inner.many = {**inner.many, **{f"/{service}/{method}": calls for method in methods}}
