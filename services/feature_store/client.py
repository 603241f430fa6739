"""The feature store behind gRPC."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import grpc
from recsys.feature_store.v1 import feature_store_pb2 as pb
from recsys.feature_store.v1 import feature_store_pb2_grpc as pb_grpc

from services.chassis.batch_client import BatchClient, call_error
from services.domain.context import UserContext
from services.domain.protocols import StageClient
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    Imported,
    Marked,
    MarkShownQuery,
    ProfileQuery,
    Stored,
    UserImport,
)
from services.feature_store import users_wire, wire

T = TypeVar("T")

IMPORT_USERS = 100
"""Users in one request of an import: below 4 MB with the longest histories."""


def context_client(channel: grpc.aio.Channel) -> StageClient[ContextQuery, UserContext]:
    """Everything known of users."""
    method = _stub(channel).GetContexts
    return BatchClient(method, wire.encode_contexts_request, wire.decode_contexts_response)


def mark_client(channel: grpc.aio.Channel) -> StageClient[MarkShownQuery, Marked]:
    """Marks items as shown."""
    method = _stub(channel).MarkShown
    return BatchClient(method, wire.encode_marks_request, wire.decode_marks_response)


def append_client(channel: grpc.aio.Channel) -> StageClient[AppendEventsQuery, Appended]:
    """Puts events into histories."""
    method = _stub(channel).AppendEvents
    return BatchClient(method, wire.encode_events_request, wire.decode_events_response)


def profile_client(channel: grpc.aio.Channel) -> StageClient[ProfileQuery, Stored]:
    """Replaces profiles."""
    method = _stub(channel).PutProfiles
    return BatchClient(
        method, users_wire.encode_profiles_request, users_wire.decode_profiles_response
    )


def erase_client(channel: grpc.aio.Channel) -> StageClient[EraseQuery, Erased]:
    """Forgets users."""
    method = _stub(channel).EraseUsers
    return BatchClient(
        method, users_wire.encode_erasures_request, users_wire.decode_erasures_response
    )


async def import_users(
    channel: grpc.aio.Channel, fingerprint: str, users: Sequence[UserImport], timeout: float
) -> Imported:
    """Loads all users of an import, in parts, and finishes it; may be repeated after a failure.

    `timeout`: seconds for each part.

    Raises:
        CallError: a part failed; the parts before it stay, the import is not finished.
    """
    method = _stub(channel).ImportUsers
    imported = existing = 0
    for start in range(0, max(len(users), 1), IMPORT_USERS):
        part = users[start : start + IMPORT_USERS]
        last = start + IMPORT_USERS >= len(users)
        request = users_wire.encode_import_request(fingerprint, part, last)
        response = await _answer(method(request, timeout=timeout))
        imported += response.imported
        existing += response.existing
    return Imported(imported, existing)


async def import_done(channel: grpc.aio.Channel, fingerprint: str, timeout: float) -> bool:
    """Whether the import was finished before; CallError when it cannot be known."""
    method = _stub(channel).GetImport
    request = pb.GetImportRequest(fingerprint=fingerprint)
    return bool((await _answer(method(request, timeout=timeout))).done)


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from error


def _stub(channel: grpc.aio.Channel) -> pb_grpc.FeatureStoreServiceStub:
    return pb_grpc.FeatureStoreServiceStub(channel)  # type: ignore[no-untyped-call]
