"""ReleaseService, beside the calls of every service that answers from releases."""

from typing import Any, NoReturn

import grpc
from recsys.release.v1 import release_pb2 as pb
from recsys.release.v1 import release_pb2_grpc

from services.inference.holder import (
    HolderError,
    NoSuchReleaseError,
    ReleaseHolder,
    ReleaseInUseError,
)
from services.inference.keeper import ReleaseKeeper
from services.inference.slots import ReleaseSlots
from services.inference.wire import encode_record

NAME = pb.DESCRIPTOR.services_by_name["ReleaseService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class ReleaseServicer(release_pb2_grpc.ReleaseServiceServicer):
    """Asks the holder; its errors become status codes."""

    def __init__(self, holder: ReleaseHolder) -> None:
        self._holder = holder

    async def ListReleases(  # noqa: N802 - the names are those of the rpcs
        self, request: pb.ListReleasesRequest, context: Context
    ) -> pb.ListReleasesResponse:
        records = await self._holder.list()
        return pb.ListReleasesResponse(releases=map(encode_record, records))

    async def LoadRelease(  # noqa: N802
        self, request: pb.LoadReleaseRequest, context: Context
    ) -> pb.LoadReleaseResponse:
        try:
            record = await self._holder.load(
                request.release, urgent=request.urgent, by_hand=request.by_hand
            )
        except HolderError as error:
            await abort(context, error)
        return pb.LoadReleaseResponse(release=encode_record(record))

    async def UnloadRelease(  # noqa: N802
        self, request: pb.UnloadReleaseRequest, context: Context
    ) -> pb.UnloadReleaseResponse:
        try:
            await self._holder.unload(request.release, request.instead)
        except HolderError as error:
            await abort(context, error)
        return pb.UnloadReleaseResponse()


async def abort(context: Context, error: HolderError) -> NoReturn:
    """Ends a call with what the holder answered instead."""
    match error:
        case NoSuchReleaseError():
            code = grpc.StatusCode.NOT_FOUND
        case ReleaseInUseError():
            code = grpc.StatusCode.FAILED_PRECONDITION
        case _:
            code = grpc.StatusCode.UNAVAILABLE
    await context.abort(code, str(error))
    raise AssertionError("abort raises")


def serve_releases(slots: ReleaseSlots[Any], server: grpc.aio.Server) -> str:
    """Adds ReleaseService over the slots of this process; its full name."""
    release_pb2_grpc.add_ReleaseServiceServicer_to_server(  # type: ignore[no-untyped-call]
        ReleaseServicer(ReleaseKeeper(slots)), server
    )
    return NAME
