"""AdminService on gRPC."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import grpc
from recsys.gateway.v1 import admin_pb2 as pb
from recsys.gateway.v1 import admin_pb2_grpc

from services.chassis.errors import StartupError
from services.chassis.interceptors import BoundaryInterceptor
from services.chassis.server import listen
from services.chassis.token import check_unseen, read_token
from services.chassis.token_interceptor import TokenInterceptor
from services.gateway.admin.status import Reporter
from services.gateway.admin.wire import releases_response, status_response, to_holders
from services.gateway.release_control import ReleaseControl
from services.gateway.settings import GatewaySettings
from services.inference.holder import HolderError
from services.inference.servicer import abort

NAME = pb.DESCRIPTOR.services_by_name["AdminService"].full_name
MAX_BYTES = 64 * 1024  # of a request: all are short


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Answers those who have the token."""

    def __init__(self, reporter: Reporter, releases: ReleaseControl) -> None:
        self._reporter = reporter
        self._releases = releases

    async def GetStatus(  # noqa: N802 - the names are those of the rpcs
        self, request: pb.GetStatusRequest, context: Any
    ) -> pb.GetStatusResponse:
        try:
            return status_response(self._reporter.status())
        except StartupError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise AssertionError("abort raises") from error

    async def ListReleases(  # noqa: N802
        self, request: pb.ListReleasesRequest, context: Any
    ) -> pb.ListReleasesResponse:
        await self._releases.look()
        return releases_response(self._releases.start, self._releases.holdings())

    async def LoadRelease(  # noqa: N802
        self, request: pb.LoadReleaseRequest, context: Any
    ) -> pb.LoadReleaseResponse:
        try:
            holdings = await self._releases.load(request.release)
        except HolderError as error:
            await abort(context, error)
        return pb.LoadReleaseResponse(holders=to_holders(holdings))

    async def UnloadRelease(  # noqa: N802
        self, request: pb.UnloadReleaseRequest, context: Any
    ) -> pb.UnloadReleaseResponse:
        try:
            holdings = await self._releases.unload(
                request.release, request.instead, request.here_only
            )
        except HolderError as error:
            await abort(context, error)
        return pb.UnloadReleaseResponse(holders=to_holders(holdings))


async def open_admin(
    reporter: Reporter, releases: ReleaseControl, settings: GatewaySettings, stack: AsyncExitStack
) -> int | None:
    """Serves AdminService until the stack ends; its port, or None where there is no token.

    Raises:
        StartupError: the token is no token, or it would be sent over a network in plain text, or
            the port is taken.
    """
    token = read_token(settings.admin_token_file, settings.admin_token.get_secret_value())
    if token is None:
        return None
    check_unseen("AdminService", settings.admin_host, settings.tls)
    server = grpc.aio.server(
        interceptors=[TokenInterceptor(token), BoundaryInterceptor("admin")],
        options=(
            ("grpc.so_reuseport", int(settings.reuse_port)),
            ("grpc.max_receive_message_length", MAX_BYTES),
        ),
    )
    port = listen("AdminService", server, (settings.admin_host, settings.admin_port), settings)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(  # type: ignore[no-untyped-call]
        AdminServicer(reporter, releases), server
    )
    await server.start()
    stack.push_async_callback(server.stop, settings.drain_seconds)
    return port
