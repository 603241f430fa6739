"""What happens around every rpc: request id, latency by code, and no stack trace to the client."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgumentError
from services.chassis.log import get_logger
from services.chassis.metrics import rpc_seconds
from services.chassis.request_id import METADATA_KEY, accept, request_id
from services.chassis.unary import Handler, UnaryInterceptor


class BoundaryInterceptor(UnaryInterceptor):
    """What happens around every rpc of a service."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._log = get_logger("rpc")

    def reader(self, deserialize: Any) -> Any:
        return _readable(deserialize)

    def wrapped(self, method: str, inner: Handler) -> Handler:
        rpc = method.rsplit("/", 1)[-1]

        async def bounded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            given = dict(context.invocation_metadata() or ()).get(METADATA_KEY)
            token = request_id.set(accept(given if isinstance(given, str) else None))
            start = time.perf_counter()
            code = "CANCELLED"  # what is left when the client went away
            try:
                if isinstance(request, _Unreadable):
                    raise InvalidArgumentError("request", request.problem)
                response = await inner(request, context)
                code = status_name(context.code())
                return response
            except InvalidArgumentError as error:
                code = "INVALID_ARGUMENT"
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except grpc.aio.AbortError:
                code = status_name(context.code())
                raise
            except Exception:  # noqa: BLE001 - the boundary of the process
                code = "INTERNAL"
                self._log.exception("rpc failed", rpc=rpc)
                await context.abort(grpc.StatusCode.INTERNAL, "internal error")
            finally:
                rpc_seconds(self._service, rpc, code).observe(time.perf_counter() - start)
                request_id.reset(token)

        return bounded


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a request that is no message of its type: gRPC itself would answer UNKNOWN."""

    problem: str


def _readable(deserialize: Any) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError as error:
            return _Unreadable(str(error))

    return read


def status_name(code: Any) -> str:
    """Name of a status code as a servicer left it; none set means OK."""
    if isinstance(code, grpc.StatusCode):
        return str(code.name)
    by_number = {status.value[0]: status.name for status in grpc.StatusCode}
    return str(by_number.get(code or 0, "UNKNOWN"))
