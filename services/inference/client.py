"""The releases of a service behind gRPC."""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from recsys.release.v1 import release_pb2 as pb
from recsys.release.v1 import release_pb2_grpc

from services.chassis.errors import InvalidArgumentError
from services.inference.holder import (
    HolderAwayError,
    HolderError,
    NoSuchReleaseError,
    ReleaseInUseError,
    ReleaseRecord,
)
from services.inference.wire import decode_record, decode_records

M = TypeVar("M")
R = TypeVar("R")

TIMEOUT = 2.0
_ERRORS: dict[grpc.StatusCode, Callable[[str], HolderError]] = {
    grpc.StatusCode.NOT_FOUND: NoSuchReleaseError,
    grpc.StatusCode.FAILED_PRECONDITION: ReleaseInUseError,
}


class ReleaseClient:
    """ReleaseHolder over ReleaseService."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds for each call."""
        self._stub = release_pb2_grpc.ReleaseServiceStub(channel)  # type: ignore[no-untyped-call]
        self._timeout = timeout

    async def list(self) -> tuple[ReleaseRecord, ...]:
        answer = await self._called(self._stub.ListReleases, pb.ListReleasesRequest())
        return _understood(decode_records, answer.releases)

    async def load(
        self, release: str, *, urgent: bool = False, by_hand: bool = False
    ) -> ReleaseRecord:
        request = pb.LoadReleaseRequest(release=release, urgent=urgent, by_hand=by_hand)
        answer = await self._called(self._stub.LoadRelease, request)
        return _understood(decode_record, answer.release)

    async def unload(self, release: str, instead: str = "") -> None:
        request = pb.UnloadReleaseRequest(release=release, instead=instead)
        await self._called(self._stub.UnloadRelease, request)

    async def _called(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise _error(error) from None


def _error(error: grpc.aio.AioRpcError) -> HolderError | InvalidArgumentError:
    details = error.details() or ""
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        field, _, message = details.partition(": ")
        return InvalidArgumentError(field, message)
    if kind := _ERRORS.get(error.code()):
        return kind(details)
    return HolderAwayError(f"{error.code().name}: {details}")


def _understood(decode: Callable[[M], R], message: M) -> R:
    try:
        return decode(message)
    except ValueError as error:
        raise HolderAwayError(str(error)) from None
