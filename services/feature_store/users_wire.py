"""Messages that write whole users ↔ domain objects; pure functions."""

from collections.abc import Sequence

import numpy as np
from recsys.feature_store.v1 import feature_store_pb2 as pb

from services.domain.outcome import Outcome
from services.domain.user_state import (
    Erased,
    EraseQuery,
    ProfileQuery,
    Stored,
    UserImport,
)
from services.domain_wire import (
    column,
    history_from_proto,
    history_to_proto,
    remaining_from_ms,
    remaining_to_ms,
    status_from_proto,
    status_to_proto,
)


def encode_profiles_request(queries: Sequence[ProfileQuery]) -> pb.PutProfilesRequest:
    """The batch as a message."""
    return pb.PutProfilesRequest(
        queries=[
            pb.PutProfileQuery(
                user_id=q.user_id,
                profile=dict(q.profile),
                remaining_ms=remaining_to_ms(q.remaining),
            )
            for q in queries
        ]
    )


def decode_profile_query(message: pb.PutProfileQuery) -> ProfileQuery:
    """One query."""
    remaining = remaining_from_ms(message.remaining_ms)
    return ProfileQuery(message.user_id, dict(message.profile), remaining)


def encode_profiles_response(outcomes: Sequence[Outcome[Stored]]) -> pb.PutProfilesResponse:
    """The answers as a message, in their order."""
    return pb.PutProfilesResponse(
        results=[pb.PutProfileResult(status=status_to_proto(o.failure)) for o in outcomes]
    )


def decode_profiles_response(response: pb.PutProfilesResponse) -> list[Outcome[Stored]]:
    """The outcome of each query."""
    failures = [status_from_proto(result.status) for result in response.results]
    return [Outcome(None if failure else Stored(), failure) for failure in failures]


def encode_erasures_request(queries: Sequence[EraseQuery]) -> pb.EraseUsersRequest:
    """The batch as a message."""
    return pb.EraseUsersRequest(
        queries=[
            pb.EraseUserQuery(user_id=q.user_id, remaining_ms=remaining_to_ms(q.remaining))
            for q in queries
        ]
    )


def decode_erase_query(message: pb.EraseUserQuery) -> EraseQuery:
    """One query."""
    return EraseQuery(message.user_id, remaining_from_ms(message.remaining_ms))


def encode_erasures_response(outcomes: Sequence[Outcome[Erased]]) -> pb.EraseUsersResponse:
    """The answers as a message, in their order."""
    return pb.EraseUsersResponse(
        results=[
            pb.EraseUserResult(
                status=status_to_proto(o.failure), existed=o.value is not None and o.value.existed
            )
            for o in outcomes
        ]
    )


def decode_erasures_response(response: pb.EraseUsersResponse) -> list[Outcome[Erased]]:
    """The outcome of each query."""
    outcomes: list[Outcome[Erased]] = []
    for result in response.results:
        failure = status_from_proto(result.status)
        outcomes.append(Outcome(None if failure else Erased(result.existed), failure))
    return outcomes


def encode_import_request(
    fingerprint: str, users: Sequence[UserImport], last: bool
) -> pb.ImportUsersRequest:
    """A part of an import as a message."""
    return pb.ImportUsersRequest(
        fingerprint=fingerprint,
        users=[
            pb.UserRecord(
                user_id=user.user_id,
                profile=dict(user.profile),
                history=history_to_proto(user.history),
                seen=user.seen_keys.astype("<u8", copy=False).tobytes(),
            )
            for user in users
        ],
        last=last,
    )


def decode_user(message: pb.UserRecord) -> UserImport:
    """One imported user; ValueError when a column has a wrong length."""
    return UserImport(
        message.user_id,
        dict(message.profile),
        history_from_proto(message.history),
        column(message.seen, np.uint64, "seen"),
    )
