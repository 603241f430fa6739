"""The feature store on gRPC."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NoReturn, TypeVar

import grpc
from recsys.feature_store.v1 import feature_store_pb2 as pb
from recsys.feature_store.v1 import feature_store_pb2_grpc as pb_grpc

from services.chassis.errors import InvalidArgumentError
from services.domain.outcome import CallError, Outcome, Reason
from services.domain.protocols import StageClient
from services.feature_store import users_wire, wire
from services.feature_store.limits import MAX_QUERIES
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings

M = TypeVar("M")
Q = TypeVar("Q")
R = TypeVar("R")

_NO_LIMIT = 3600.0
"""Seconds; each query brings its own time left, the call as a whole needs no other limit."""


class FeatureStoreServicer(pb_grpc.FeatureStoreServiceServicer):
    """Decodes, asks the store, encodes; a query that cannot be decoded fails alone."""

    def __init__(self, store: FeatureStore) -> None:
        self._store = store

    async def GetContexts(  # noqa: N802
        self, request: pb.GetContextsRequest, context: Any
    ) -> pb.GetContextsResponse:
        return wire.encode_contexts_response(
            await _answered(request.queries, wire.decode_context_query, self._store.contexts)
        )

    async def MarkShown(  # noqa: N802
        self, request: pb.MarkShownRequest, context: Any
    ) -> pb.MarkShownResponse:
        return wire.encode_marks_response(
            await _answered(request.queries, wire.decode_mark_query, self._store.marks)
        )

    async def AppendEvents(  # noqa: N802
        self, request: pb.AppendEventsRequest, context: Any
    ) -> pb.AppendEventsResponse:
        return wire.encode_events_response(
            await _answered(request.queries, wire.decode_events_query, self._store.events)
        )

    async def PutProfiles(  # noqa: N802
        self, request: pb.PutProfilesRequest, context: Any
    ) -> pb.PutProfilesResponse:
        return users_wire.encode_profiles_response(
            await _answered(request.queries, users_wire.decode_profile_query, self._store.profiles)
        )

    async def EraseUsers(  # noqa: N802
        self, request: pb.EraseUsersRequest, context: Any
    ) -> pb.EraseUsersResponse:
        return users_wire.encode_erasures_response(
            await _answered(request.queries, users_wire.decode_erase_query, self._store.erasures)
        )

    async def ImportUsers(  # noqa: N802
        self, request: pb.ImportUsersRequest, context: Any
    ) -> pb.ImportUsersResponse:
        try:
            users = [users_wire.decode_user(message) for message in request.users]
        except ValueError as error:
            raise InvalidArgumentError("users", str(error)) from error
        try:
            done = await self._store.imports.add(request.fingerprint, users, request.last)
        except CallError as error:
            await _abort(context, error)
        return pb.ImportUsersResponse(imported=done.imported, existing=done.existing)

    async def GetImport(  # noqa: N802
        self, request: pb.GetImportRequest, context: Any
    ) -> pb.GetImportResponse:
        try:
            return pb.GetImportResponse(done=await self._store.imports.done(request.fingerprint))
        except CallError as error:
            await _abort(context, error)


async def _answered(
    messages: Sequence[M], decode: Callable[[M], Q], stage: StageClient[Q, R]
) -> list[Outcome[R]]:
    if len(messages) > MAX_QUERIES:
        raise InvalidArgumentError("queries", f"{len(messages)}, at most {MAX_QUERIES}")
    refused: dict[int, Outcome[R]] = {}
    queries: list[Q] = []
    for i, message in enumerate(messages):
        try:
            queries.append(decode(message))
        except ValueError as error:
            refused[i] = Outcome.failed(Reason.INVALID, str(error))
    answers = iter(await stage.call(queries, _NO_LIMIT))
    return [refused[i] if i in refused else next(answers) for i in range(len(messages))]


async def _abort(context: Any, error: CallError) -> NoReturn:
    code = {
        Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
        Reason.TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
        Reason.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    }.get(error.failure.reason, grpc.StatusCode.INTERNAL)
    await context.abort(code, error.failure.message)
    raise AssertionError("abort raises")


async def mount(
    settings: FeatureStoreSettings, server: grpc.aio.Server, stack: AsyncExitStack
) -> Sequence[str]:
    """Registers the service; Redis need not be there.

    Raises:
        StartupError: the Redis address or the password file cannot be read.
    """
    store = await stack.enter_async_context(open_feature_store(settings))
    pb_grpc.add_FeatureStoreServiceServicer_to_server(  # type: ignore[no-untyped-call]
        FeatureStoreServicer(store), server
    )
    return [pb.DESCRIPTOR.services_by_name["FeatureStoreService"].full_name]
