"""A server that answers those who have the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import grpc

from services.chassis.token import Token

AUTHORIZATION = "authorization"
HEALTH = "/grpc.health.v1.Health/"


class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Whoever does not have the token learns nothing, not even which methods there are.

    Args:
        token: that callers must know.
        free: beginnings of methods that need none.
    """

    def __init__(self, token: Token, free: Sequence[str] = ()) -> None:
        self._token = token
        self._free = tuple(free)
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]
        ],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        given = dict(details.invocation_metadata).get(AUTHORIZATION)
        if self._token.admits(given) or details.method.startswith(self._free):
            return await continuation(details)
        return self._refusal


async def _refuse(_request: Any, context: Any) -> NoReturn:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, 'this needs the metadata "authorization: Bearer TOKEN"'
    )
    raise AssertionError("abort raises")
